/** Event source mappings: how they are set, by Lambda's API, and how far they are, by the server's own route. */
import { lambda, route } from "../api/server";
import * as format from "../format";
import { hashOf } from "../router";
import { Badge, Button } from "../ui/parts";
import type { Column } from "../ui/table";

export interface Mapping {
  UUID: string;
  FunctionArn: string;
  EventSourceArn: string;
  State: string;
  LastProcessingResult?: string;
  BatchSize?: number;
  progress: Progress | undefined;
}

export interface Progress {
  uuid: string;
  records_behind?: number;
  event_counts?: Record<string, number>;
  batches_in_flight?: number;
  batches_done?: number;
  given_up?: GivenUp[];
  [member: string]: unknown;
}

/** Records of one batch that were given up, and why. */
export interface GivenUp {
  time_ms: number;
  shard_id: string;
  first_sequence_number: string;
  records: number;
  condition: string;
  invocations: number;
  error: string;
  told_to: string;
}

/** The mappings of a stream and its consumers, or all. */
export async function listMappings(streamArn?: string): Promise<Mapping[]> {
  const { event_source_mappings: told } = await route<{ event_source_mappings: Progress[] }>("GET", "event-source-mappings");
  if (!told.length) return [];
  const { EventSourceMappings: found } = await lambda<{ EventSourceMappings: Omit<Mapping, "progress">[] }>(
    "GET", "event-source-mappings/",
  );
  return found
    .filter((each) => !streamArn || each.EventSourceArn === streamArn || each.EventSourceArn.startsWith(`${streamArn}/`))
    .map((each) => ({ ...each, progress: told.find((one) => one.uuid === each.UUID) }));
}

export function functionOf(arn: string): string {
  return arn.split(":").slice(6).join(":");
}

export function mappingColumns(onChange: () => void): Column<Mapping>[] {
  const count = (name: string, key: string): Column<Mapping> => ({
    name, width: "", numeric: true, minor: key !== "dropped",
    cell: (mapping) => format.count(mapping.progress?.event_counts?.[key] ?? 0),
    order: (mapping) => mapping.progress?.event_counts?.[key] ?? 0,
  });
  const turn = async (mapping: Mapping, isOn: boolean) => {
    await lambda("PUT", `event-source-mappings/${mapping.UUID}`, { Enabled: isOn });
    onChange();
  };
  return [
    {
      name: "Function", width: "", order: (mapping) => mapping.FunctionArn,
      cell: (mapping) => {
        const name = functionOf(mapping.FunctionArn);
        return <a class="name" href={hashOf(["functions", name.split(":")[0]!])}>{name}</a>;
      },
    },
    { name: "Reads", width: "", minor: true, cell: (mapping) => mapping.EventSourceArn.split(":").slice(5).join(":").replace(/^stream\//, "") },
    { name: "State", width: "", cell: (mapping) => <Badge kind={mapping.State === "Enabled" ? "good" : "busy"}>{mapping.State.toLowerCase()}</Badge> },
    { name: "Last result", width: "", cell: (mapping) => mapping.LastProcessingResult ?? "–" },
    {
      name: "Records behind", width: "", numeric: true, order: (mapping) => mapping.progress?.records_behind ?? 0,
      cell: (mapping) => format.count(mapping.progress?.records_behind ?? 0),
    },
    {
      name: "Batches", width: "", numeric: true, order: (mapping) => mapping.progress?.batches_done ?? 0,
      cell: ({ progress }) => `${format.count(progress?.batches_done ?? 0)}${progress?.batches_in_flight ? `, ${progress.batches_in_flight} in flight` : ""}`,
    },
    count("Invoked", "invoked"), count("Filtered out", "filtered_out"), count("Failed", "failed_invoke"), count("Given up", "dropped"),
    count("Told to destination", "on_failure_destination_delivered"),
    {
      name: "", width: "", cell: (mapping) => {
        const isOn = mapping.State === "Enabled" || mapping.State === "Enabling";
        return <Button kind="quiet" changes onClick={() => void turn(mapping, !isOn)}>{isOn ? "Disable" : "Enable"}</Button>;
      },
    },
  ];
}
