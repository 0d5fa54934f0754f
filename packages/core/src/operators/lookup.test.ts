// Look-up in every mode, how tables are loaded, and what is refused when the graph is built.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DataStream } from "../api/data-stream.ts";
import { collection } from "../connectors/collection.ts";
import { discard } from "../connectors/for-each.ts";
import { errorCode } from "../errors.ts";
import { graphOf } from "../runtime/snapshots.fixture.ts";
import { step, verifyOperator } from "../testing.ts";
import { t } from "../types/t.ts";
import type { LookupOptions } from "./lookup.ts";

interface Flight {
  readonly origin: string;
  readonly gate: number | undefined;
}
interface City {
  readonly code: string;
  readonly name: string;
}

const CITIES: readonly City[] = [
  { code: "FRA", name: "Frankfurt" },
  { code: "JFK", name: "New York" },
];
const FLIGHTS: readonly Flight[] = ["FRA", "ZZZ", "JFK", "FRA"].map((origin, index) => ({
  origin,
  gate: index === 1 ? undefined : index,
}));
const INPUT = FLIGHTS.map((flight, index) => step.record(flight, index * 10));
const NAMES = ["Frankfurt", "none", "New York", "Frankfurt"];

const named =
  (options: LookupOptions<Flight, City, string>) =>
  (flights: DataStream<Flight>): DataStream<string> =>
    flights.lookup<Flight, City, string>("cities", options, (_flight, city, emit) =>
      emit(city?.name ?? "none"),
    );

test("each record gets its row, or none, from rows and from a function", async () => {
  const keys: Pick<LookupOptions<Flight, City>, "key" | "on">[] = [
    { key: "code", on: "origin" },
    { key: (city) => city.code, on: (flight) => flight.origin },
  ];
  for (const { key, on } of keys) {
    for (const table of [CITIES, () => CITIES, () => new Set(CITIES)]) {
      const { timestamps } = await verifyOperator({
        build: named({ table, key, on }),
        input: INPUT,
        expect: NAMES,
        orderedBy: () => "all",
      });
      assert.deepEqual(timestamps, [0, 10, 20, 30]);
    }
  }
});

test("a function emits nothing, or several records", async () => {
  await verifyOperator({
    build: (flights: DataStream<Flight>) =>
      flights.lookup<Flight, City, string>(
        "cities",
        { table: CITIES, key: "code", on: "origin" },
        ({ origin }, city, emit) => {
          if (city === undefined) return;
          emit(origin);
          emit(city.name);
        },
      ),
    input: INPUT.slice(0, 2),
    expect: ["FRA", "Frankfurt"],
  });
});

test("a table function is called by each subtask when it opens, each time", async () => {
  let callsCount = 0;
  const table = (): readonly City[] => {
    callsCount += 1;
    return CITIES;
  };
  const build = named({ table, key: "code", on: "origin" });
  assert.equal(callsCount, 0);
  const { modesCount } = await verifyOperator({ build, input: INPUT, expect: NAMES });
  assert.ok(callsCount > modesCount, "some modes restore, some have several subtasks");
});

test("a record whose key is not there finds nothing; zeros of floats differ", async () => {
  const table = [0, -0, NaN].map((key, index) => ({ key, name: String(index) }));
  await verifyOperator({
    build: (numbers: DataStream<{ n: number | undefined }>) =>
      numbers.lookup<{ n: number | undefined }, { key: number; name: string }, string>(
        "zeros",
        { table, key: "key", on: "n" },
        (_, row, emit) => emit(row?.name ?? "none"),
      ),
    input: [0, -0, NaN, undefined, 1].map((n) => step.record({ n })),
    expect: ["0", "1", "2", "none", "none"],
    orderedBy: () => "all",
  });
});

/** Stands for options with a stream as their table. */
const STREAM = Symbol("stream");

function refusal(options: unknown, fn: unknown = () => undefined): string {
  const Type = t.struct({ origin: t.string });
  try {
    graphOf((env) => {
      const flights = env.source("flights", collection<{ origin: string }>([], { type: Type }));
      const given = options === STREAM ? { table: flights, key: "code", on: "origin" } : options;
      flights.lookup("cities", given as never, fn as never).sink("out", discard());
    });
  } catch (error) {
    assert.equal(errorCode(error), "GRAPH_INVALID");
    return (error as Error).message;
  }
  return "";
}

test("the graph says what is looked up by what", () => {
  const { vertices } = graphOf((env) => {
    const flights = env.source("flights", collection<Flight>([]));
    const options = { table: CITIES, key: "code", on: (flight: Flight) => flight.origin } as const;
    flights.lookup("cities", options, () => undefined).sink("out", discard());
  });
  const nodes = vertices.flatMap((vertex) => vertex.nodes);
  assert.equal(nodes.find(({ uid }) => uid === "cities")?.detail, "code = function");
});

test("tables and options that make no sense are refused when the graph is built", () => {
  const keys = { key: "code", on: "origin" };
  const cases: [unknown, RegExp][] = [
    [undefined, /^lookup\("cities"\) has key: undefined; name a field or give a function/],
    [
      { ...keys, table: {} },
      /has an object of class Object as its table, which is neither an array/,
    ],
    [STREAM, /has an object of class SourceStream as its table, which is neither an array/],
    [{ ...keys, table: new Map() }, /connect\(rows\.broadcast\(\{ … \}\)\)/],
    [{ ...keys, tables: CITIES }, /has no option "tables".* Did you mean "table"\?/],
    [{ ...keys, table: [...CITIES, CITIES[0]] }, /two rows with the key the string "FRA"/],
    [
      { ...keys, key: "kode", table: CITIES },
      /key is undefined;.* has code, name\. Did you mean "code"/,
    ],
    [{ ...keys, key: () => ({}), table: CITIES }, /key is an object of class Object; keys are/],
    [
      { ...keys, on: "orign", table: CITIES },
      /"flights": records have no field "orign".*"origin"\?/,
    ],
    [{ ...keys, on: 3, table: CITIES }, /has on: the number 3; name a field or give a function/],
  ];
  for (const [options, message] of cases) assert.match(refusal(options), message);
  assert.match(refusal({ ...keys, table: CITIES }, "no"), /lookup\("cities"\) needs a function/);
  assert.equal(refusal({ ...keys, table: CITIES }), "");
});

test("a table function that gives no rows, or bad ones, fails when it is called", async () => {
  const cases: [() => unknown, RegExp][] = [
    [
      async () => Promise.resolve(CITIES),
      /gets an object of class Promise from its table function/,
    ],
    [() => undefined, /gets undefined from its table function, which is no list of rows/],
    [() => [CITIES[0], CITIES[0]], /two rows with the key the string "FRA"/],
  ];
  for (const [table, message] of cases) {
    const build = named({ table: table as () => readonly City[], key: "code", on: "origin" });
    await assert.rejects(verifyOperator({ build, input: INPUT }), ({ cause }: Error) => {
      assert.equal(errorCode(cause), "INVALID_ARGUMENT");
      assert.match((cause as Error).message, message);
      return true;
    });
  }
});
