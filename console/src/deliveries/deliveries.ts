/**
 * Channels and delivery streams: how far they are, by the server's own route, and how they are made and deleted,
 * each by the API that it belongs to.
 */
import { firehose, kinesis, route } from "../api/server";
import { session } from "../api/session";

export type Kind = "channel" | "firehose";

export interface Delivery {
  kind: Kind;
  account: string;
  region: string;
  name: string;
  arn: string;
  /** The stream that is read; `null`: records are put directly. */
  stream: string | null;
  state: string;
  state_reason: string | null;
  created_ms: number;
  /** Where records go. */
  place: string;
  /** Where those go that cannot be delivered. */
  set_aside_to: string;
  /** What follows is there while it delivers, and counted since it began to. */
  records_behind?: number;
  behind_ms?: number;
  gathered_records?: number;
  gathered_bytes?: number;
  /** Ever. */
  batches_delivered?: number;
  records_delivered?: number;
  bytes_delivered?: number;
  records_set_aside?: number;
  failed_attempts?: number;
  last_error?: string;
  last_delivered_ms?: number | null;
  last_place?: string;
  last_set_aside_place?: string;
}

export const KINDS: Record<Kind, string> = { channel: "channel", firehose: "delivery stream" };

/** Those of the account and region that are looked at, or of one stream, in the order of their names. */
export async function listDeliveries(stream?: string): Promise<Delivery[]> {
  const { account, region } = session();
  const { deliveries } = await route<{ deliveries: Delivery[] }>("GET", "deliveries");
  return deliveries
    .filter((each) => each.account === account && each.region === region)
    .filter((each) => stream === undefined || each.stream === stream)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As its own API describes it. */
export async function describeDelivery({ kind, arn, name }: Delivery): Promise<unknown> {
  return kind === "channel"
    ? (await kinesis("DescribeChannel", { ChannelARN: arn })).ChannelDescription
    : (await firehose("DescribeDeliveryStream", { DeliveryStreamName: name })).DeliveryStreamDescription;
}

export async function deleteDelivery({ kind, arn, name }: Delivery): Promise<void> {
  if (kind === "channel") await kinesis("DeleteChannel", { ChannelARN: arn });
  else await firehose("DeleteDeliveryStream", { DeliveryStreamName: name });
}

export type RecordFormat = "JSON" | "STRING" | "BYTE_ARRAY";
export type Compression = "NONE" | "GZIP";

/** A channel to a bucket of this account. */
export async function createChannel(
  streamArn: string, made: { name: string; bucket: string; format: RecordFormat; compression: Compression; freshness_s: number },
): Promise<void> {
  await kinesis("CreateChannel", {
    ChannelName: made.name,
    ServiceExecutionRoleARN: roleArn(),
    StreamConfigurationList: [{ StreamARN: streamArn, RecordConfiguration: { RecordFormatType: made.format } }],
    S3DestinationConfiguration: {
      DataFreshnessInSeconds: made.freshness_s,
      StorageConfiguration: {
        BucketARN: bucketArn(made.bucket), ExpectedBucketOwner: session().account, CompressionType: made.compression,
      },
    },
  });
}

/** A delivery stream to a bucket; `streamArn`: of what it reads, if records are not put directly. */
export async function createDeliveryStream(
  streamArn: string | null, made: { name: string; bucket: string; prefix: string; compression: Compression; interval_s: number; size_mib: number },
): Promise<void> {
  await firehose("CreateDeliveryStream", {
    DeliveryStreamName: made.name,
    DeliveryStreamType: streamArn === null ? "DirectPut" : "KinesisStreamAsSource",
    ...(streamArn === null ? {} : { KinesisStreamSourceConfiguration: { KinesisStreamARN: streamArn, RoleARN: roleArn() } }),
    ExtendedS3DestinationConfiguration: {
      RoleARN: roleArn(),
      BucketARN: bucketArn(made.bucket),
      Prefix: made.prefix,
      CompressionFormat: made.compression === "NONE" ? "UNCOMPRESSED" : made.compression,
      BufferingHints: { IntervalInSeconds: made.interval_s, SizeInMBs: made.size_mib },
    },
  });
}

/** Put a record directly; its id. */
export async function putDirectly(name: string, data: string): Promise<string> {
  const { RecordId: id } = await firehose<{ RecordId: string }>("PutRecord", { DeliveryStreamName: name, Record: { Data: data } });
  return id;
}

function roleArn(): string {
  // The server demands one and asks nothing of it.
  return `arn:${partition()}:iam::${session().account}:role/headwater-console`;
}

function bucketArn(bucket: string): string {
  return `arn:${partition()}:s3:::${bucket}`;
}

function partition(): string {
  const { region } = session();
  return region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}
