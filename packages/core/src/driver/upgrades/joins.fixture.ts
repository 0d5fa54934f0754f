// Upgrades of joins of two streams.
import type { StreamEnvironment } from "../../api/environment.ts";
import type { DataStream } from "../../api/data-stream.ts";
import type { ConnectedWindowedStreams } from "../../api/connected-windowed-streams.ts";
import type { IntervalJoinOptions } from "../../api/interval-joined-streams.ts";
import type { KeyedStream } from "../../api/keyed-stream.ts";
import { t } from "../../types/t.ts";
import type { Type } from "../../types/type.ts";
import { count } from "../../window/aggregates.ts";
import { tumbling } from "../../window/assigner.ts";
import type { WindowAssigner } from "../../window/assigner.ts";
import { continues, numbers, refused } from "./upgrade.fixture.ts";
import type { Program, Upgrade } from "./upgrade.fixture.ts";

interface Item {
  readonly n: number;
  readonly tag?: string | undefined;
}

const ITEM: Type<Item> = t.struct({ n: t.int32 });
const TAGGED: Type<Item> = t.struct({ n: t.int32, tag: t.optional(t.string) });
const WIDER: Type<Item> = t.struct({ n: t.float64 });
const TEXT = t.struct({ n: t.string }) as unknown as Type<Item>;

/** The numbers as records of a type, by their rest of 3. */
function items(all: DataStream<number>, type: Type<Item>): KeyedStream<Item, number> {
  const itemOf = (n: number): Item => (type === TEXT ? ({ n: String(n) } as never) : { n });
  return all.map(itemOf, { type }).keyBy((item) => Number(item.n) % 3, t.int32);
}

type Windowed = ConnectedWindowedStreams<Item, Item, number>;

function windowed(
  env: StreamEnvironment,
  assigner: WindowAssigner<Item> = tumbling(200),
  type: Type<Item> = ITEM,
): Windowed {
  const all = numbers(env);
  return items(all, type).connect(items(all, ITEM)).window(assigner);
}

/** Every two records of a key and window. */
const paired =
  (assigner?: WindowAssigner<Item>, type?: Type<Item>): Program =>
  (env, out) =>
    windowed(env, assigner, type)
      .join("join", (one, other, { window: { start } }, emit) =>
        emit({ start, one: one.n, other: other.n }),
      )
      .sink("out", out);

/** The same by coGroup. */
const grouped: Program = (env, out) =>
  windowed(env)
    .coGroup("join", (ones, others, { window: { start } }, emit) => {
      for (const one of ones) {
        for (const other of others) emit({ start, one: one.n, other: other.n });
      }
    })
    .sink("out", out);

const counted: Program = (env, out) =>
  items(numbers(env), ITEM)
    .window(tumbling(200))
    .aggregate("join", { n: count() })
    .sink("out", out);

/** Equal numbers of two streams, of which the second's is later. */
const near =
  (bounds: IntervalJoinOptions<Item, Item>, type: Type<Item> = ITEM): Program =>
  (env, out) => {
    const all = numbers(env);
    items(all, ITEM)
      .intervalJoin(items(all, type), bounds)
      .process("join", (one, other, _info, emit) => {
        if (one.n === Number(other.n) - 9) emit({ one: one.n });
      })
      .sink("out", out);
  };

const WINDOW_JOINS: readonly Upgrade[] = [
  {
    change: "a window join becomes a coGroup, or the reverse",
    before: paired(),
    after: grouped,
    result: continues("Both keep the same."),
  },
  {
    change: "a field is added to the records of one stream of a window join",
    before: paired(),
    after: paired(tumbling(200), TAGGED),
    result: continues("Its records go on, by the rules of types; the other's are as they were."),
  },
  {
    change: "the windows of a window join change",
    before: paired(),
    after: paired(tumbling(400)),
    result: refused(
      "Panes of the one mean nothing to the other. Give the new one a uid of its own.",
      /operator "join"/,
      /200/,
      /400/,
    ),
  },
  {
    change: "windows of one stream become a window join",
    before: counted,
    after: paired(),
    result: refused(
      "It cannot read the state. Give it a uid of its own.",
      /operator "join" was of the kind window in savepoint/,
      /is of the kind windowJoin now/,
    ),
  },
];

const INTERVAL_JOINS: readonly Upgrade[] = [
  {
    change: "the interval of an interval join changes",
    before: near({ lower: -100, upper: 500 }),
    after: near({ lower: 90, upper: "5s" }),
    result: continues("The new one holds from then on, against what the old one has kept."),
  },
  {
    change: "a field of the records of an interval join is widened",
    before: near({ lower: -100, upper: 500 }),
    after: near({ lower: -100, upper: 500 }, WIDER),
    result: continues("Records go on, by the rules of types."),
  },
  {
    change: "a field of the records of an interval join changes as it cannot",
    before: near({ lower: -100, upper: 500 }),
    after: near({ lower: -100, upper: 500 }, TEXT),
    result: refused(
      "Records have no `migrate`: give the join a uid of its own.",
      /operator "join"/,
      /state "right"/,
      /int32/,
      /string/,
    ),
  },
];

export const JOIN_CHANGES: readonly Upgrade[] = [...WINDOW_JOINS, ...INTERVAL_JOINS];
