/** Objects that deliveries have written: the last one as it is, and what could not be delivered with its reasons. */
import { useMemo } from "preact/hooks";
import { objectBytes } from "../api/server";
import * as format from "../format";
import { UNPACKED_BYTES_MAX, payloadOf, payloadOfBytes, previewOf, sizeOf, textOf } from "../records/payload";
import { PayloadView } from "../records/payload_view";
import { setQuery, useRoute } from "../router";
import { Badge, Fact, Fault } from "../ui/parts";
import { usePolled } from "../ui/polled";
import type { Column } from "../ui/table";
import { VirtualTable } from "../ui/virtual_table";
import { failuresOf, objectOf, type Failed } from "./set_aside";

/** The beginning of an object; `place` is its address. */
function useObject(place: string) {
  const { value, error } = usePolled(async () => {
    const named = objectOf(place);
    if (!named) throw new Error(`${place} is no object.`);
    const { bytes, isCut } = await objectBytes(named.bucket, named.key, UNPACKED_BYTES_MAX);
    const payload = payloadOfBytes(bytes);
    return { ...payload, isCut: payload.isCut || isCut };
  }, 0, place);
  return { object: value, error };
}

export function ObjectView({ place }: { place: string }) {
  const { object, error } = useObject(place);
  return (
    <section class="object" aria-label="Object">
      <Fault error={error} />
      {object && <PayloadView payload={object} />}
    </section>
  );
}

export function SetAsideView({ place }: { place: string }) {
  const { object, error } = useObject(place);
  const opened = Number(useRoute().query.get("failed") ?? "0");
  const failures = useMemo(() => (object ? failuresOf(textOf(object)) : []), [object]);
  const failed = failures[opened];
  return (
    <section class="object split" aria-label="Dead letters">
      {object && <h2>{format.plural(failures.length, "record")}</h2>}
      <Fault error={error} />
      {object?.isCut && <p class="warn">The object is larger: this is its beginning.</p>}
      <div class="panes">
        <VirtualTable
          label="Records that could not be delivered" count={failures.length} row={(index) => failures[index]!}
          keyOf={(each) => String(each.at)} columns={COLUMNS} selected={failed && String(failed.at)}
          onOpen={(each) => setQuery({ failed: String(each.at) })} empty={object ? "There is none in it." : ""}
        />
        {failed && <Opened failed={failed} />}
      </div>
    </section>
  );
}

const COLUMNS: Column<Failed>[] = [
  { name: "Reason", width: "minmax(120px, 220px)", cell: (failed) => failed.code },
  { name: "Key", width: "minmax(60px, 120px)", minor: true, cell: (failed) => failed.partition_key ?? "–" },
  { name: "Data", width: "minmax(100px, 1fr)", cell: (failed) => <span class="data">{previewOf(failed.data)}</span> },
];

function Opened({ failed }: { failed: Failed }) {
  const payload = useMemo(() => payloadOf(failed.data), [failed.data]);
  return (
    <aside class="detail" aria-label="Record that could not be delivered">
      <p class="fault">{failed.message || failed.code}</p>
      <dl class="facts">
        {failed.arrived_ms !== null && <Fact name="Arrived">{format.dateTime(failed.arrived_ms)}</Fact>}
        <Fact name="Size">
          {format.bytes(sizeOf(failed.data))}{payload.packing && <> <Badge>{payload.packing}</Badge></>}
        </Fact>
        {failed.partition_key !== null && <Fact name="Partition key">{failed.partition_key}</Fact>}
      </dl>
      <PayloadView payload={payload} />
    </aside>
  );
}
