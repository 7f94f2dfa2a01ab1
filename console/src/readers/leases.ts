/** Leases of applications that keep them in a DynamoDB table: the KCL's layout, which the client library has too. */
import { dynamodb } from "../api/server";

type Attribute = { S?: string; N?: string };
type Item = Record<string, Attribute | undefined>;

export interface Lease {
  key: string;
  owner: string;
  checkpoint: string;
  counter: string;
}

export interface Application {
  table: string;
  leases: Lease[];
}

const LEASE_KEY = "leaseKey";
const PAGES_MAX = 20;

export function leaseOf(item: Item): Lease | null {
  const key = item[LEASE_KEY]?.S;
  if (key === undefined) return null;
  return {
    key,
    owner: item.leaseOwner?.S ?? "",
    checkpoint: item.checkpoint?.S ?? "",
    counter: item.leaseCounter?.N ?? "",
  };
}

export async function listApplications(): Promise<Application[]> {
  const { TableNames: tables } = await dynamodb<{ TableNames: string[] }>("ListTables");
  const applications = await Promise.all(tables.map(async (table) => {
    const { Table: described } = await dynamodb<{ Table: { KeySchema: { AttributeName: string }[] } }>(
      "DescribeTable", { TableName: table },
    );
    if (described.KeySchema[0]?.AttributeName !== LEASE_KEY) return null;
    return { table, leases: await leasesOf(table) };
  }));
  return applications.filter((each) => each !== null);
}

async function leasesOf(table: string): Promise<Lease[]> {
  const found: Lease[] = [];
  let from: Item | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer: { Items: Item[]; LastEvaluatedKey?: Item } = await dynamodb(
      "Scan", { TableName: table, ...(from ? { ExclusiveStartKey: from } : {}) },
    );
    found.push(...answer.Items.map(leaseOf).filter((lease) => lease !== null));
    from = answer.LastEvaluatedKey;
    if (!from) break;
  }
  return found.sort((a, b) => (a.key < b.key ? -1 : 1));
}
