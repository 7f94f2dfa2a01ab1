import { expect, test } from "vitest";
import { settleDeadLetters, type Calls } from "./dead_letters";

type Members = Record<string, unknown>;
type Entries = { ReceiptHandle: string }[];

/** A queue of dead letters that can be received: those of these ids, in this order. */
function queueOf(ids: string[], refused: string[] = []) {
  const visible = [...ids];
  const held = new Set<string>();
  const said = { restored: [] as string[], acknowledged: [] as string[], emptyReceives: 0, visible, held };
  const operations: Record<string, (members: Members) => unknown> = {
    ReceiveDeadLetterQueueRecords: ({ Limit }) => {
      const found = visible.splice(0, Limit as number);
      if (!found.length) said.emptyReceives += 1;
      for (const id of found) held.add(id);
      return { QueueRecords: found.map((id) => ({ RecordId: id, ReceiptHandle: `receipt of ${id}` })) };
    },
    RestoreDeadLetterQueueRecords: ({ Entries }) => settle(Entries as Entries, said.restored),
    AcknowledgeDeadLetterQueueRecords: ({ Entries }) => settle(Entries as Entries, said.acknowledged),
    UpdateDeadLetterQueueRecordsVisibility: ({ Entries }) => {
      expect((Entries as Entries).length).toBeLessThanOrEqual(10);
      for (const { ReceiptHandle } of Entries as Entries) {
        const id = idOf(ReceiptHandle);
        if (held.delete(id)) visible.push(id);
      }
      return {};
    },
  };
  const settle = (entries: Entries, where: string[]) => {
    const ids = entries.map(({ ReceiptHandle }) => idOf(ReceiptHandle));
    const failed = ids.filter((id) => refused.includes(id));
    for (const id of ids) if (!failed.includes(id) && held.delete(id)) where.push(id);
    return { Failed: failed.map(() => ({ ErrorCode: "ResourceNotFoundException", ErrorMessage: "It is gone." })) };
  };
  const calls: Calls = {
    kinesis: async <T>(operation: string, members: Members = {}) => operations[operation]!(members) as T,
    receivable: async () => visible.length,
  };
  return { calls, said };
}

const idOf = (handle: string) => handle.replace("receipt of ", "");
const many = (count: number) => Array.from({ length: count }, (_, at) => `letter ${at}`);

test("one dead letter is restored, and those that were received on the way are given back", async () => {
  const { calls, said } = queueOf(many(25));
  expect(await settleDeadLetters("arn", new Set(["letter 13"]), "restore", calls)).toBe(1);
  expect(said.restored).toEqual(["letter 13"]);
  expect([...said.visible].sort()).toEqual(many(25).filter((id) => id !== "letter 13").sort());
});

test("all of them are acknowledged, and nobody waits for more", async () => {
  const { calls, said } = queueOf(many(25));
  expect(await settleDeadLetters("arn", "all", "acknowledge", calls)).toBe(25);
  expect(said.acknowledged).toEqual(many(25));
  expect(said.emptyReceives).toBe(0);
});

test("one that somebody else has is not settled, and nothing stays held", async () => {
  const { calls, said } = queueOf(many(3));
  expect(await settleDeadLetters("arn", new Set(["elsewhere"]), "restore", calls)).toBe(0);
  expect([...said.visible].sort()).toEqual(many(3));
  expect(said.held.size).toBe(0);
});

test("a refusal is told, and what was received on the way is given back all the same", async () => {
  const { calls, said } = queueOf(many(2), ["letter 1"]);
  await expect(settleDeadLetters("arn", new Set(["letter 1"]), "acknowledge", calls)).rejects.toThrow("It is gone.");
  expect(said.visible).toEqual(["letter 0"]);
});
