/** All channels and delivery streams of an account and region. */
import { useState } from "preact/hooks";
import { useRoute } from "../router";
import { Button, Fault } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { SearchHead, has, useSearch } from "../ui/search_head";
import { listDeliveries, type Kind } from "./deliveries";
import { CreateDeliveryStream } from "./delivery_dialogs";
import { DeliveryPage } from "./delivery_page";
import { DeliveryTable } from "./delivery_table";

const POLL_MS = 2000;

export function DeliveriesPage() {
  const [, kind, name] = useRoute().path;
  return kind && name ? <DeliveryPage key={`${kind}/${name}`} kind={kind as Kind} name={name} /> : <AllDeliveries />;
}

function AllDeliveries() {
  const search = useSearch();
  const [isCreating, setCreating] = useState(false);
  const { value, error, refresh } = usePolled(() => listDeliveries(), POLL_MS, "deliveries");
  const shown = (value ?? []).filter((each) => has(each.name, search));
  return (
    <section>
      <SearchHead title="Deliveries" label="Search deliveries">
        <Button changes onClick={() => setCreating(true)}>Create a delivery stream</Button>
      </SearchHead>
      <Fault error={error} />
      {value && (
        <DeliveryTable
          deliveries={shown} withStream
          empty={value.length ? "None has such a name." : "There is no channel and no delivery stream in this account and region."}
        />
      )}
      {isCreating && <CreateDeliveryStream streamArn={null} onClose={() => { setCreating(false); refresh(); }} />}
    </section>
  );
}
