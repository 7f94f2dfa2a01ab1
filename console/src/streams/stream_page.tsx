/** One stream: its head, and the views of it. */
import type { ComponentChildren } from "preact";
import { kinesis } from "../api/server";
import { ChartsView } from "../charts/charts_view";
import * as format from "../format";
import { QueuesView } from "../queues/queues_view";
import { ReadersView } from "../readers/readers_view";
import { RecordsView } from "../records/records_view";
import { hashOf, useRoute } from "../router";
import { ShardsView } from "../shards/shards_view";
import { Fault, useShownName } from "../ui/parts";
import { usePolled } from "../ui/polled";
import { SettingsView } from "./settings_view";
import { Status } from "./streams_page";

export interface Summary {
  StreamName: string;
  StreamARN: string;
  StreamStatus: string;
  StreamModeDetails: { StreamMode: "PROVISIONED" | "ON_DEMAND" };
  RetentionPeriodHours: number;
  StreamCreationTimestamp: number;
  EncryptionType?: string;
  KeyId?: string;
  OpenShardCount: number;
  ConsumerCount: number;
  EnhancedMonitoring: { ShardLevelMetrics: string[] }[];
  MaxRecordSizeInKiB?: number;
}

interface ViewOfStream {
  stream: Summary;
  refresh: () => void;
}

const TABS: Record<string, { name: string; view: (props: ViewOfStream) => ComponentChildren }> = {
  records: { name: "Records", view: ({ stream }) => <RecordsView stream={stream} /> },
  shards: { name: "Shards", view: ({ stream }) => <ShardsView stream={stream} /> },
  readers: { name: "Who reads", view: ({ stream }) => <ReadersView stream={stream} /> },
  queues: { name: "Queues", view: ({ stream }) => <QueuesView stream={stream} /> },
  charts: { name: "Charts", view: (props) => <ChartsView {...props} /> },
  settings: { name: "Settings", view: (props) => <SettingsView {...props} /> },
};

export function StreamPage({ name }: { name: string }) {
  const tab = useRoute().path[2] ?? "records";
  useShownName(tab);
  const { value, error, refresh } = usePolled(
    async () => (await kinesis<{ StreamDescriptionSummary: Summary }>("DescribeStreamSummary", { StreamName: name }))
      .StreamDescriptionSummary,
    3000, name,
  );
  return (
    <section class="stream">
      <header class="page-head">
        <h1><a class="up" href={hashOf(["streams"])}>Streams</a> {name}</h1>
        {value && <Status status={value.StreamStatus} />}
        {value && (
          <span class="dim minor">
            {value.StreamModeDetails.StreamMode === "ON_DEMAND" ? "on demand" : "provisioned"}
            {" · "}{format.plural(value.OpenShardCount, "open shard")}
            {" · "}kept for {format.duration(value.RetentionPeriodHours * 3_600_000)}
          </span>
        )}
      </header>
      <nav class="tabs" aria-label={`Views of ${name}`}>
        {Object.entries(TABS).map(([key, { name: text }]) => (
          <a key={key} href={hashOf(["streams", name, key])} aria-current={tab === key ? "page" : undefined}>{text}</a>
        ))}
      </nav>
      <Fault error={error} />
      {value && (TABS[tab]?.view({ stream: value, refresh }) ?? <p class="empty">There is no such view.</p>)}
    </section>
  );
}
