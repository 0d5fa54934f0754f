// Upgrades of operators with broadcast state, of deduplication and of Top-N.
import { emits } from "../../api/stream-base.ts";
import { collection } from "../../connectors/collection.ts";
import type { DeduplicateOptions } from "../../operators/deduplicate.ts";
import { broadcastState } from "../../state/broadcast-state.ts";
import type { BroadcastState, BroadcastStateDescriptors } from "../../state/broadcast-state.ts";
import { t } from "../../types/t.ts";
import type { MapKey } from "../../types/type.ts";
import { continues, keyed, numbers, refused } from "./upgrade.fixture.ts";
import type { Program, Upgrade } from "./upgrade.fixture.ts";

/** Numbers with the words known of them; the source of words ends long before the savepoint. */
const worded =
  (states: BroadcastStateDescriptors, isKeyed = false): Program =>
  (env, out) => {
    const [name] = Object.keys(states);
    const words = env
      .source("words", collection([0, 1, 2]))
      .parallelism(1)
      .broadcast(states);
    const functions = {
      process(
        n: number,
        {
          broadcastState: known,
          emit,
        }: {
          readonly broadcastState: Readonly<Record<string, { get(key: MapKey): unknown }>>;
          readonly emit: (text: string) => void;
        },
      ): void {
        // What came before the words were there says nothing.
        if (n > 5) emit(`${n} ${String(known[name].get(n % 3))}`);
      },
      processBroadcast(
        n: number,
        {
          broadcastState: known,
        }: { readonly broadcastState: Readonly<Record<string, BroadcastState<MapKey, unknown>>> },
      ): void {
        known[name].set(n, n * 10);
      },
    };
    const stream = isKeyed
      ? keyed(env).connect(words).process("worded", functions, emits<string>())
      : numbers(env).connect(words).process("worded", functions, emits<string>());
    stream.sink("out", out);
  };

const Words = broadcastState<MapKey, unknown>(t.int32, t.int32);

/** Every number is ahead of those before, so all ranks change with each; or behind them. */
const top =
  (n: number, isAhead = true): Program =>
  (env, out) =>
    keyed(env)
      .topN("top", { n, by: (value) => (isAhead ? value : -value) })
      .map(({ rank, change }) => `${rank} ${change}`)
      .sink("out", out);

const once =
  (options: DeduplicateOptions): Program =>
  (env, out) =>
    keyed(env).deduplicate("once", options).sink("out", out);

export const TABLE_CHANGES: readonly Upgrade[] = [
  {
    change: "an operator with broadcast state has another parallelism",
    before: worded({ words: Words }),
    after: worded({ words: Words }),
    parallelism: [2, 5],
    result: continues("Every subtask has the whole state."),
  },
  {
    change: "an operator with broadcast state and keys has another parallelism",
    before: worded({ words: Words }, true),
    after: worded({ words: Words }, true),
    parallelism: [3, 1],
    result: continues("Every subtask has the whole state."),
  },
  {
    change: "the values of a broadcast state change as those of any state may",
    before: worded({ words: Words }),
    after: worded({ words: broadcastState(t.int32, t.optional(t.float64)) }),
    result: continues("Values go on."),
  },
  {
    change: "a broadcast state has another name, with `aliases: [old]`",
    before: worded({ words: Words }),
    after: worded({ rules: broadcastState(t.int32, t.int32, { aliases: ["words"] }) }),
    result: continues("It goes on."),
  },
  {
    change: "a broadcast state has another name",
    before: worded({ words: Words }),
    after: worded({ rules: Words }),
    parallelism: [2, 2],
    result: refused(
      "It is a removed and an added one. Say `aliases: [old]`.",
      /operator "worded" has the state "words" \(operator-broadcast map<int32, int32>\)/,
    ),
  },
  {
    change: "the keys of a broadcast state are of another type",
    before: worded({ words: Words }),
    after: worded({ words: broadcastState<MapKey, unknown>(t.int64, t.int32) }),
    result: refused(
      "An entry would not be found. Give the new one a name of its own.",
      /"<key>", int32 is int64 now: keys never change/,
    ),
  },
  {
    change: "the n of a `topN` goes down",
    before: top(4),
    after: top(2),
    result: continues("Ranks beyond it are not given any more.", {
      gives: ["1 update", "2 update"],
    }),
  },
  {
    change: "the n of a `topN` goes down, and no record that comes is among them",
    before: top(4, false),
    after: top(2, false),
    result: continues("Nothing is given, also not of ranks that are there no more.", { gives: [] }),
  },
  {
    change: "the n of a `topN` goes up",
    before: top(2),
    after: top(4),
    result: continues("Further ranks begin with the records that come from then on.", {
      gives: ["1 update", "2 update", "3 insert", "3 update", "4 insert", "4 update"],
    }),
  },
  {
    change: "the `within` of a `deduplicate` changes, comes or goes",
    before: once({ keep: "first" }),
    after: once({ keep: "first", within: "1h" }),
    result: continues("It holds from then on; for keys known before, from the restore on."),
  },
  {
    change: "a `deduplicate` goes by another time",
    before: once({ keep: "first" }),
    after: once({ keep: "first", time: "event" }),
    result: refused(
      "A bit says nothing of times. Give the new one a uid of its own.",
      /operator "once" has the state "seen"/,
    ),
  },
];
