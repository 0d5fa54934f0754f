// Top-N in every mode, against sorting; what it keeps over restores; and what it refuses.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DataStream } from "../api/data-stream.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { errorCode } from "../errors.ts";
import { graphOf } from "../runtime/snapshots.fixture.ts";
import { step, verifyOperator } from "../testing.ts";
import { t } from "../types/t.ts";
import type { Type } from "../types/type.ts";
import type { RankChange, TopNOptions } from "./top-n.ts";

interface Bid {
  readonly item: string;
  readonly n: number;
  readonly price: number | undefined;
  readonly bidder: string;
}
const BID = t.struct({
  item: t.string,
  n: t.int32,
  price: t.optional(t.float64),
  bidder: t.string,
});

type Change = RankChange<string, Bid>;

/** Of five items, with equal prices, and some without one. */
const BIDS: readonly Bid[] = Array.from({ length: 60 }, (_, n) => ({
  item: `i${(n * 3) % 5}`,
  n,
  price: n % 11 === 10 ? undefined : n % 13 === 12 ? NaN : (n * 29) % 17,
  bidder: `b${(n * 7) % 4}`,
}));
const INPUT = BIDS.map((bid, index) => step.record(bid, index));

const ranked =
  (options: TopNOptions<Bid>) =>
  (bids: DataStream<Bid>): DataStream<Change> =>
    bids.keyBy("item").topN("top", options);

/** What changes if the list is sorted anew after each record, and cut at n. */
function modelOf(
  bids: readonly Bid[],
  n: number,
  compare: (a: Bid, b: Bid) => number,
): readonly Change[] {
  const lists = new Map<string, readonly Bid[]>();
  return bids.flatMap((bid) => {
    if (bid.price === undefined || Number.isNaN(bid.price)) return [];
    const before = lists.get(bid.item) ?? [];
    // Sorting is stable, so of equals the earlier stays ahead.
    const after = [...before, bid].sort(compare).slice(0, n);
    lists.set(bid.item, after);
    return after.flatMap((record, index): Change[] => {
      if (record === before[index]) return [];
      const change = index < before.length ? "update" : "insert";
      return [{ key: bid.item, rank: index + 1, record, change }];
    });
  });
}

const byPrice = (a: Bid, b: Bid): number => (b.price ?? 0) - (a.price ?? 0);
const orderedBy = ({ key }: Change): string => key;

test("each rank that has another record is given, by a field and by a function", async () => {
  const expect = modelOf(BIDS, 3, byPrice);
  for (const by of ["price" as const, (bid: Bid) => bid.price]) {
    const build = ranked({ n: 3, by });
    await verifyOperator({ build, input: INPUT, expect, orderedBy });
    const types = { first: BID as Type<Bid> };
    await verifyOperator({ build, input: INPUT, expect, orderedBy, types });
  }
});

test("smallest first, with the time of the record that changed the ranks", async () => {
  const expect = modelOf(BIDS, 2, (a, b) => byPrice(b, a));
  const { records, timestamps } = await verifyOperator({
    build: ranked({ n: 2, by: "price", order: "ascending" }),
    input: INPUT,
    expect,
    orderedBy,
  });
  assert.equal(records.length, timestamps.length);
  for (const [index, { record, change, rank }] of records.entries()) {
    if (change === "insert" && rank === 1) assert.equal(timestamps[index], record.n);
  }
});

test("of several ranks the first that differs decides; strings are ranks too", async () => {
  const compare = (a: Bid, b: Bid): number =>
    a.bidder === b.bidder ? byPrice(a, b) : a.bidder < b.bidder ? 1 : -1;
  await verifyOperator({
    build: ranked({ n: 4, by: ["bidder", "price"] }),
    input: INPUT,
    expect: modelOf(BIDS, 4, compare),
    orderedBy,
  });
});

test("bigints are ranked, beyond what numbers can tell apart", async () => {
  const base = 2n ** 60n;
  const input = [1n, 3n, 2n].map((n) => step.record({ key: "k", n: base + n }));
  const { records } = await verifyOperator({
    build: (all: DataStream<{ key: string; n: bigint }>) =>
      all.keyBy("key").topN("top", { n: 1, by: "n" }),
    input,
  });
  assert.deepEqual(
    records.map(({ record, change }) => [record.n - base, change]),
    [
      [1n, "insert"],
      [3n, "update"],
    ],
  );
});

test("the last change of each rank is the sorted list, whatever comes", async () => {
  const bids = fc.array(fc.tuple(fc.nat(4), fc.nat(2)), { maxLength: 30 });
  const cases = fc.tuple(bids, fc.integer({ min: 1, max: 5 }));
  await fc.assert(
    fc.asyncProperty(cases, async ([prices, n]) => {
      const all = prices.map(([price, item], index) => ({
        item: `i${item}`,
        n: index,
        price,
        bidder: "",
      }));
      await verifyOperator({
        build: ranked({ n, by: "price" }),
        input: all.map((bid) => step.record(bid)),
        expect: modelOf(all, n, byPrice),
        orderedBy,
      });
    }),
    { numRuns: 15 },
  );
});

function refusal(options: unknown): string {
  try {
    graphOf((env) => {
      const bids = env.source("bids", collection([], { type: BID }));
      ranked(options as TopNOptions<Bid>)(bids as DataStream<Bid>).sink("out", discard());
    });
  } catch (error) {
    assert.equal(errorCode(error), "GRAPH_INVALID");
    return (error as Error).message;
  }
  return "";
}

test("options that make no sense are refused with what there is", () => {
  const cases: [unknown, RegExp][] = [
    [undefined, /^topN\("top"\) has n: undefined, which is no whole number from 1 to 10000/],
    [{ n: 0, by: "price" }, /has n: the number 0, which/],
    [{ n: 10_001, by: "price" }, /has n: the number 10001, which/],
    [{ n: 1.5, by: "price" }, /has n: the number 1.5, which/],
    [{ n: 1 }, /is ranked by undefined; name a field/],
    [{ n: 1, by: [] }, /is ranked by nothing; name a field/],
    [{ n: 1, by: ["price", 3] }, /is ranked by the number 3; name a field/],
    [{ n: 1, by: "prize" }, /topN\("top"\) after "bids": records have no field "prize".*"price"\?/],
    [{ n: 1, by: "price", order: "desc" }, /has the order the string "desc"; there are "desc/],
    [{ n: 1, by: "price", oder: "descending" }, /has no option "oder".* Did you mean "order"\?/],
  ];
  for (const [options, message] of cases) assert.match(refusal(options), message);
  assert.equal(refusal({ n: 1, by: "price" }), "");
});

test("a rank that is neither number nor text is named at its record", async () => {
  const failing = verifyOperator({
    build: ranked({ n: 1, by: (bid) => bid as unknown as number }),
    input: INPUT.slice(0, 1),
  });
  await assert.rejects(failing, ({ cause }: Error) => {
    assert.equal(errorCode(cause), "AGGREGATE_INPUT_INVALID");
    assert.match(
      (cause as Error).message,
      /topN\("top"\): the input .* is no number, string or big/,
    );
    return true;
  });
});
