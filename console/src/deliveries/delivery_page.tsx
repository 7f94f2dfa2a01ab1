/** One channel or delivery stream: how far it is, what it fails on, its last object, and what was set aside. */
import { useState } from "preact/hooks";
import { session } from "../api/session";
import * as format from "../format";
import { JsonTree } from "../records/json_tree";
import { hashOf, navigate, setQuery, useRoute } from "../router";
import { Badge, Button, CopyButton, Empty, Fact, Fault } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { describeDelivery, KINDS, listDeliveries, type Delivery, type Kind } from "./deliveries";
import { DeleteDelivery, PutDirectly } from "./delivery_dialogs";
import { DeliveryState, errorOf } from "./delivery_table";
import { ObjectView, SetAsideView } from "./object_view";
import { objectOf } from "./set_aside";

const POLL_MS = 1000;

export function DeliveryPage({ kind, name }: { kind: Kind; name: string }) {
  const about = `${kind}/${name}`;
  const { value, error, refresh } = usePolled(
    async () => (await listDeliveries()).find((each) => each.kind === kind && each.name === name) ?? null, POLL_MS, about,
  );
  const [asked, setAsked] = useState<"delete" | "put">();
  return (
    <section class="delivery">
      <header class="page-head">
        <h1><a class="up" href={hashOf(["deliveries"])}>Deliveries</a> {name}</h1>
        {value && (
          <>
            <DeliveryState delivery={value} />
            <span class="dim minor">{KINDS[value.kind]}</span>
            <span class="spacer" />
            {value.stream === null && <Button changes onClick={() => setAsked("put")}>Put a record</Button>}
            <Button kind="danger" changes onClick={() => setAsked("delete")}>Delete…</Button>
          </>
        )}
      </header>
      <Fault error={error} />
      {value === null && <Empty>There is no {KINDS[kind] ?? "delivery"} {name} in this account and region.</Empty>}
      {value && <Shown delivery={value} />}
      {value && asked === "put" && <PutDirectly name={name} onClose={() => { setAsked(undefined); refresh(); }} />}
      {value && asked === "delete" && (
        <DeleteDelivery
          delivery={value}
          onClose={(isDeleted) => (isDeleted ? navigate(hashOf(["deliveries"])) : setAsked(undefined))}
        />
      )}
    </section>
  );
}

function Shown({ delivery }: { delivery: Delivery }) {
  const look = useRoute().query.get("look");
  const wrong = errorOf(delivery);
  const { last_place: last = "", last_set_aside_place: aside = "" } = delivery;
  return (
    <>
      {wrong && (
        <p class="fault" role="status">
          {wrong}{delivery.failed_attempts ? ` Tried ${format.plural(delivery.failed_attempts, "time")}; it goes on.` : ""}
        </p>
      )}
      <dl class="facts card">
        <Fact name="Reads">{delivery.stream === null ? "direct puts" : <a href={hashOf(["streams", delivery.stream])}>{delivery.stream}</a>}</Fact>
        <Fact name="Delivers to"><Place place={delivery.place} /></Fact>
        <Fact name="Dead letters to"><Place place={delivery.set_aside_to} /></Fact>
        <Fact name="Created">{format.dateTime(delivery.created_ms)}</Fact>
      </dl>
      {delivery.records_behind !== undefined && <Progress delivery={delivery} />}
      {isElsewhere(delivery) && <p class="dim">Another gateway delivers it, and says how far it is.</p>}
      {last && <Last name="Last object" place={last} isShown={look === "last"} onLook={() => setQuery({ look: look === "last" ? undefined : "last" })} />}
      {last && look === "last" && objectOf(last) && <ObjectView place={last} />}
      {aside && <Last name="Last dead letters" place={aside} isShown={look === "dead"} onLook={() => setQuery({ look: look === "dead" ? undefined : "dead" })} />}
      {aside && look === "dead" && <SetAsideView place={aside} />}
      <Described delivery={delivery} />
    </>
  );
}

/** Whether one of the other servers of the same streams is at work on it. */
function isElsewhere({ records_behind, state }: Delivery): boolean {
  return session().about.is_gateway && records_behind === undefined && state === "ACTIVE";
}

function Progress({ delivery }: { delivery: Delivery }) {
  const aside = delivery.records_set_aside ?? 0;
  return (
    <dl class="facts card" aria-label="Progress">
      <Fact name="Records behind">{format.count(delivery.records_behind ?? 0)}</Fact>
      <Fact name="Oldest of them">{delivery.behind_ms ? format.duration(delivery.behind_ms) : "–"}</Fact>
      <Fact name="Gathered">{format.plural(delivery.gathered_records ?? 0, "record")}, {format.bytes(delivery.gathered_bytes ?? 0)}</Fact>
      <Fact name="Batches">{format.count(delivery.batches_delivered ?? 0)}</Fact>
      <Fact name="Delivered">{format.plural(delivery.records_delivered ?? 0, "record")}, {format.bytes(delivery.bytes_delivered ?? 0)}</Fact>
      <Fact name="Dead letters">{aside ? <Badge kind="hot">{format.count(aside)}</Badge> : "0"}</Fact>
      <Fact name="Last delivery">{delivery.last_delivered_ms ? format.dateTime(delivery.last_delivered_ms) : "none yet"}</Fact>
    </dl>
  );
}

function Last(props: { name: string; place: string; isShown: boolean; onLook: () => void }) {
  return (
    <div class="toolbar">
      <strong>{props.name}</strong> <Place place={props.place} />
      {objectOf(props.place) && (
        <Button onClick={props.onLook} pressed={props.isShown}>{props.name === "Last object" ? "Look into it" : "Look at them"}</Button>
      )}
      <CopyButton text={() => props.place}>Copy address</CopyButton>
    </div>
  );
}

function Place({ place }: { place: string }) {
  return <code class="wraps">{place}</code>;
}

/** As the API describes it, asked anew when its state changes. */
function Described({ delivery }: { delivery: Delivery }) {
  const { value, error } = usePolled(() => describeDelivery(delivery), 0, `${delivery.arn} ${delivery.state}`);
  return (
    <details>
      <summary>As its API describes it</summary>
      <Fault error={error} />
      {value !== undefined && <div class="payload"><JsonTree value={value} /></div>}
    </details>
  );
}
