/** Who reads a stream: consumers with fan-out, functions by their mappings, queues, what delivers it, and those who poll. */
import { useState } from "preact/hooks";
import { kinesis } from "../api/server";
import { listDeliveries } from "../deliveries/deliveries";
import { CreateChannel, CreateDeliveryStream } from "../deliveries/delivery_dialogs";
import { DeliveryTable } from "../deliveries/delivery_table";
import * as format from "../format";
import { QueueTable } from "../queues/queue_table";
import { listQueues } from "../queues/queues";
import { hashOf } from "../router";
import { listShards, type Shards } from "../shards/shards";
import type { Summary } from "../streams/stream_page";
import { Badge, Button, Fault, Field, FormDialog, Text } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { Table, type Column } from "../ui/table";
import { listMappings, mappingColumns } from "./mappings";

interface Consumer {
  ConsumerName: string;
  ConsumerARN: string;
  ConsumerStatus: string;
  ConsumerCreationTimestamp: number;
}

const POLL_MS = 2000;

export function ReadersView({ stream }: { stream: Summary }) {
  const [making, setMaking] = useState<"consumer" | "channel" | "delivery stream">();
  const [leaving, setLeaving] = useState<Consumer>();
  const { value, error, refresh } = usePolled(async () => {
    const [consumers, shards, mappings, queues, deliveries] = await Promise.all([
      kinesis<{ Consumers: Consumer[] }>("ListStreamConsumers", { StreamARN: stream.StreamARN, MaxResults: 100 }),
      listShards(stream.StreamName),
      listMappings(stream.StreamARN),
      listQueues(stream.StreamName),
      listDeliveries(stream.StreamName),
    ]);
    return { consumers: consumers.Consumers, shards, mappings, queues, deliveries };
  }, POLL_MS, stream.StreamARN);
  if (!value) return <Fault error={error} />;
  const made = () => {
    setMaking(undefined);
    refresh();
  };
  const polled = value.shards.shards.filter((shard) => shard.iterator_age_ms !== null);
  return (
    <div class="readers">
      <Fault error={error} />
      <header class="section-head">
        <h2>Consumers with enhanced fan-out</h2>
        <Button changes onClick={() => setMaking("consumer")}>Register a consumer</Button>
      </header>
      <Table
        label="Consumers" rows={value.consumers} keyOf={(consumer) => consumer.ConsumerARN}
        columns={consumerColumns(stream.StreamName, value.shards, setLeaving)} empty="No consumer is registered."
      />
      <h2>Functions</h2>
      <Table
        label="Mappings of functions" rows={value.mappings} keyOf={(mapping) => mapping.UUID}
        columns={mappingColumns(refresh)} empty="No function is mapped to this stream."
      />
      <h2>Queues</h2>
      <QueueTable queues={value.queues} empty="The stream has no queue." />
      <header class="section-head">
        <h2>Channels and delivery streams</h2>
        {stream.StreamModeDetails.StreamMode === "ON_DEMAND" && <Button changes onClick={() => setMaking("channel")}>Create a channel</Button>}
        <Button changes onClick={() => setMaking("delivery stream")}>Create a delivery stream</Button>
      </header>
      <DeliveryTable deliveries={value.deliveries} empty="Nothing delivers the stream." />
      <h2>Who polls</h2>
      <Table
        label="Shards that are polled" rows={polled} keyOf={(shard) => shard.id} empty="Nobody has called GetRecords yet."
        columns={[
          { name: "Shard", width: "", cell: (shard) => <code>{shard.id}</code>, order: (shard) => shard.id },
          { name: "Behind at the last GetRecords", width: "", numeric: true, cell: (shard) => format.duration(shard.iterator_age_ms ?? 0), order: (shard) => shard.iterator_age_ms ?? 0 },
          { name: "Records in the shard", width: "", numeric: true, cell: (shard) => format.count(shard.records), order: (shard) => shard.records },
        ]}
      />
      {making === "consumer" && <Register stream={stream} onClose={made} />}
      {making === "channel" && <CreateChannel streamArn={stream.StreamARN} onClose={made} />}
      {making === "delivery stream" && <CreateDeliveryStream streamArn={stream.StreamARN} onClose={made} />}
      {leaving && <Deregister consumer={leaving} onClose={() => { setLeaving(undefined); refresh(); }} />}
    </div>
  );
}

function consumerColumns(stream: string, shards: Shards, onLeave: (consumer: Consumer) => void): Column<Consumer>[] {
  const of = (consumer: Consumer) => shards.subscriptions.filter((each) => each.consumer === consumer.ConsumerName);
  const behind = (consumer: Consumer) => of(consumer).reduce((sum, each) => sum + each.records_behind, 0);
  return [
    { name: "Consumer", width: "", cell: (consumer) => <strong>{consumer.ConsumerName}</strong>, order: (consumer) => consumer.ConsumerName },
    { name: "Status", width: "", cell: (consumer) => <Badge kind={consumer.ConsumerStatus === "ACTIVE" ? "good" : "busy"}>{consumer.ConsumerStatus.toLowerCase()}</Badge> },
    {
      name: "Subscribed to", width: "", cell: (consumer) => {
        const found = of(consumer);
        if (!found.length) return <span class="dim">no shard now</span>;
        return found.length > 8 ? format.plural(found.length, "shard") : `shard ${found.map((each) => format.shortShard(each.shard)).sort().join(", ")}`;
      },
    },
    { name: "Records behind", width: "", numeric: true, cell: (consumer) => (of(consumer).length ? format.count(behind(consumer)) : "–"), order: behind },
    {
      name: "Since", width: "", numeric: true, minor: true, cell: (consumer) => {
        const started = of(consumer).map((each) => each.started_ms);
        return started.length ? format.duration(shards.now_ms - Math.min(...started)) : "–";
      },
    },
    {
      name: "", width: "", cell: (consumer) => (
        <span class="row">
          <a href={hashOf(["streams", stream, "charts"], { consumer: consumer.ConsumerName })}>Charts</a>
          <Button kind="quiet" changes onClick={() => onLeave(consumer)}>Deregister…</Button>
        </span>
      ),
    },
  ];
}

function Register({ stream, onClose }: { stream: Summary; onClose: () => void }) {
  const [name, setName] = useState("");
  const register = () => kinesis("RegisterStreamConsumer", { StreamARN: stream.StreamARN, ConsumerName: name });
  return (
    <FormDialog title="Register a consumer" submit="Register" onSubmit={register} onClose={onClose}>
      <Field label="Name"><Text value={name} onInput={setName} required /></Field>
    </FormDialog>
  );
}

function Deregister({ consumer, onClose }: { consumer: Consumer; onClose: () => void }) {
  const leave = () => kinesis("DeregisterStreamConsumer", { ConsumerARN: consumer.ConsumerARN });
  return (
    <FormDialog title={`Deregister ${consumer.ConsumerName}`} submit="Deregister" kind="danger" onSubmit={leave} onClose={onClose}>
      <p>Its subscriptions end.</p>
    </FormDialog>
  );
}
