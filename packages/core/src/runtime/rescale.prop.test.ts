// Keyed state at changing parallelism: backends, one per subtask, beside a model; bases and deltas
// as real segments; every change of parallelism goes through `operatorRestores`.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { GraphNode } from "../graph/stream-graph.ts";
import { StatelessOperator } from "../operators/operator.ts";
import type { OperatorSubtaskSnapshot, SegmentHandle } from "../snapshot/metadata.ts";
import { inlineSegmentWriter } from "../snapshot/segment-writer-client.ts";
import type { SegmentWriterClient } from "../snapshot/segment-writer-client.ts";
import {
  assertEqual,
  dump,
  emptyModel,
  freshInstance,
  isEmpty,
  MAX_PARALLELISM,
  NAMESPACES,
} from "../state/backend-dump.fixture.ts";
import type {
  Instance,
  KeySet,
  Model,
  ModelKey,
  ModelPaneKey,
} from "../state/backend-dump.fixture.ts";
import type { KeyedBackend } from "../state/keyed-backend.ts";
import { SimWorld } from "../testing/sim-env.ts";
import type { SimProcess } from "../testing/sim-env.ts";
import { keyCodecOf, keyGroupOf, keyGroupRange, subtaskOf } from "../types/key.ts";
import { t } from "../types/t.ts";
import { operatorRestores } from "./subtask-restores.ts";
import { restoreKeyed } from "./state-restore.ts";
import type { OperatorRestore } from "./messages.ts";

const SEED = process.env["OXBOW_SEED"];
const PARALLELISMS = [1, 3, 2, 5, 1];
const KEYS_COUNT = 20;

const KEY_SETS: readonly KeySet[] = [
  { type: t.string, keys: Array.from({ length: KEYS_COUNT }, (_, i) => "k".repeat(i % 5) + i) },
  { type: t.int32, keys: Array.from({ length: KEYS_COUNT }, (_, i) => i * 1_000 - 5) },
  {
    type: t.struct({ a: t.int32, b: t.string }),
    keys: Array.from({ length: KEYS_COUNT }, (_, i) => ({ a: i, b: `b${i % 3}` })),
  },
];

interface Step {
  readonly do: string;
  readonly key: number;
  readonly text: string;
  readonly at: number;
  readonly pane: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom(
    ...["set", "clear", "field", "listAdd", "listClear", "mapSet", "mapDelete", "mapClear"],
    ...["timer", "untimer", "paneAdd", "paneAdd", "paneAdd", "paneDrop", "paneDropAll", "snapshot"],
  ),
  key: fc.nat(KEYS_COUNT - 1),
  text: fc.constantFrom("", "x", "y".repeat(30)),
  at: fc.nat(20),
  pane: fc.nat(NAMESPACES.length - 1),
});

/** An operator that has the backend, for `restoreKeyed`. */
class Holder extends StatelessOperator {
  override readonly keyed: KeyedBackend;
  constructor(keyed: KeyedBackend) {
    super();
    this.keyed = keyed;
  }
  override useKeyType(): void {}
  processBatch(): void {}
}

/** All subtasks of an operator. */
class Fleet {
  readonly #keySet: KeySet;
  readonly #process: SimProcess;
  readonly #client: SegmentWriterClient;
  readonly model = emptyModel();
  #instances: Instance[];
  /** Segments of the newest checkpoint, by subtask. */
  #segments: SegmentHandle[][] = [[]];
  #lastId = 0;
  #isRescaled = false;

  constructor(keySet: KeySet, machine: SimProcess) {
    this.#keySet = keySet;
    this.#process = machine;
    this.#client = inlineSegmentWriter({ env: machine.env, directory: "/run" });
    this.#instances = [freshInstance(keySet, this.#client.pool)];
  }

  async run(phases: readonly (readonly Step[])[]): Promise<void> {
    await this.#process.env.files.createDirectory("/run/shared");
    for (const [index, steps] of phases.entries()) {
      for (const each of steps) {
        if (each.do === "snapshot") await this.#snapshot();
        else this.#apply(each);
      }
      await this.#snapshot();
      const parallelism = PARALLELISMS[(index + 1) % PARALLELISMS.length];
      await this.#check(parallelism);
      this.#instances = await this.#restored(parallelism);
      this.#isRescaled = this.#segments.length !== parallelism;
      if (this.#isRescaled) this.#segments = this.#instances.map(() => []);
    }
    await this.#client.close();
    assert.equal(this.#client.pool.takenBytes, 0);
  }

  /** Fresh backends of the next parallelism hold together what the model has. */
  async #check(parallelism: number): Promise<void> {
    const whole = emptyModel();
    for (const instance of await this.#restored(parallelism)) {
      const part = dump(instance, this.#keySet);
      for (const [key, value] of part.keys) add(whole.keys, key, value);
      for (const timer of part.timers) {
        assert.ok(!whole.timers.has(timer), `timer ${timer} is there once`);
        whole.timers.add(timer);
      }
      for (const [pane, rows] of part.panes) {
        const all = whole.panes.get(pane) ?? new Map<number, ModelPaneKey>();
        whole.panes.set(pane, all);
        for (const [key, row] of rows) add(all, key, row);
      }
    }
    assertEqual(whole, this.model);
  }

  async #restored(parallelism: number): Promise<Instance[]> {
    const instances: Instance[] = [];
    for (const [subtask, restore] of this.#restores(parallelism).entries()) {
      const range = keyGroupRange(subtask, parallelism, MAX_PARALLELISM);
      const instance = freshInstance(this.#keySet, this.#client.pool, range);
      await restoreKeyed({
        files: this.#process.env.files,
        directory: "/run",
        operator: new Holder(instance.backend),
        restore,
        restoredId: restore.isBase ? this.#lastId : undefined,
      });
      instances.push(instance);
    }
    return instances;
  }

  #restores(parallelism: number): OperatorRestore[] {
    const subtasks = this.#segments.map((segments): OperatorSubtaskSnapshot => ({
      segments,
      states: [],
      watermark: undefined,
      hasEnded: false,
    }));
    const node = { uid: "model", key: {}, states: [] } as unknown as GraphNode;
    const vertex = { parallelism, maxParallelism: MAX_PARALLELISM };
    return operatorRestores(
      { node, vertex },
      {
        operatorId: "",
        uid: "model",
        kind: "keyedProcess",
        parallelism: subtasks.length,
        maxParallelism: MAX_PARALLELISM,
        stateSchemas: {},
        enumerator: undefined,
        subtasks,
      },
    );
  }

  async #snapshot(): Promise<void> {
    const base = this.#lastId === 0 ? undefined : this.#lastId;
    const id = (this.#lastId += 1);
    for (const [subtask, { backend }] of this.#instances.entries()) {
      const taken = backend.freeze({ id, base, kind: "checkpoint", timestamp: 0 });
      const known = this.#segments[subtask];
      assert.ok(!(taken.isDelta && this.#isRescaled), "the first one after a rescale is full");
      const session = this.#client.open({
        file: `shared/${id}-${subtask}.seg`,
        checkpointId: id,
        kind: taken.isDelta ? "delta" : "full",
        keyGroupStart: backend.keyGroupStart,
        keyGroupEnd: backend.keyGroupEnd,
        keyType: backend.keyType,
        maxParallelism: MAX_PARALLELISM,
        layouts: taken.layouts,
        schemas: backend.schemas,
        uid: backend.uid,
      });
      while (!taken.copySlice(3, session));
      const handle = await session.finish();
      const older = taken.isDelta ? known : [];
      this.#segments[subtask] = handle === undefined ? older : [...older, handle];
    }
    this.#isRescaled = false;
  }

  #subtaskOf(key: number): number {
    const { type, keys } = this.#keySet;
    const group = keyGroupOf(keyCodecOf(type, "model").hashCode(keys[key]), MAX_PARALLELISM);
    return subtaskOf(group, this.#instances.length, MAX_PARALLELISM);
  }

  #apply(command: Step): void {
    const { key, pane } = command;
    const subtask = this.#subtaskOf(key);
    switch (command.do) {
      case "paneAdd":
        return this.#addToPane(this.#instances[subtask], command);
      case "paneDrop":
        return this.#dropPane(subtask, pane);
      case "paneDropAll":
        return this.#instances.forEach((_, index) => this.#dropPane(index, pane));
      default:
        return this.#setState(this.#instances[subtask], command);
    }
  }

  #dropPane(subtask: number, pane: number): void {
    this.#instances[subtask].family.drop(NAMESPACES[pane]);
    const rows = this.model.panes.get(pane);
    for (const key of [...(rows?.keys() ?? [])]) {
      if (this.#subtaskOf(key) === subtask) rows?.delete(key);
    }
  }

  #addToPane({ family, probe, paneValues, itemValues }: Instance, command: Step): void {
    const { key, pane, text } = command;
    const { table, children } = family.open(NAMESPACES[pane]);
    const model = this.model.panes.get(pane) ?? new Map<number, ModelPaneKey>();
    this.model.panes.set(pane, model);
    const known = model.get(key) ?? { count: 0, label: "", items: [] };
    model.set(key, { count: known.count + 1, label: text, items: [...known.items, text] });
    probe.set(this.#keySet.keys[key]);
    const row = table.upsert(probe.keys, 0);
    paneValues.write(table, row, { count: known.count + 1, label: text }, 0);
    itemValues.write(children[0], children[0].links.append(row), text, 0);
  }

  #setState({ backend }: Instance, { do: what, key, text, at, pane }: Step): void {
    const { value, stats, list, map } = backend.states;
    backend.setCurrentKey(this.#keySet.keys[key]);
    const model = modelKey(this.model, key);
    const timer = `${at}/${pane}/${key}`;
    switch (what) {
      case "set":
        value.set((model.value = at));
        break;
      case "clear":
        value.clear();
        model.value = undefined;
        break;
      case "field":
        stats.fields.label = text;
        model.stats = { count: 0, rate: undefined, ...model.stats, label: text };
        break;
      case "listAdd":
        list.add(text);
        model.list.push(text);
        break;
      case "listClear":
        list.clear();
        model.list = [];
        break;
      case "mapSet":
        map.set(text, at);
        model.map.set(text, at);
        break;
      case "mapDelete":
        assert.equal(map.delete(text), model.map.delete(text));
        break;
      case "mapClear":
        map.clear();
        model.map.clear();
        break;
      case "timer":
        backend.eventTimers.register(at, NAMESPACES[pane]);
        this.model.timers.add(timer);
        break;
      case "untimer":
        backend.eventTimers.delete(at, NAMESPACES[pane]);
        this.model.timers.delete(timer);
        break;
    }
    if (isEmpty(model)) this.model.keys.delete(key);
  }
}

function modelKey(model: Model, key: number): ModelKey {
  const known = model.keys.get(key);
  if (known !== undefined) return known;
  const made = { value: undefined, stats: undefined, list: [], map: new Map() };
  model.keys.set(key, made);
  return made;
}

function add<V>(to: Map<number, V>, key: number, value: V): void {
  assert.ok(!to.has(key), `key ${key} is in one subtask`);
  to.set(key, value);
}

for (const keySet of KEY_SETS) {
  const name = `${keySet.type.kind} keys`;
  test(`state, timers and panes with ${name} survive every change of parallelism`, async () => {
    const phases = fc.array(fc.array(step, { maxLength: 60, size: "max" }), {
      minLength: PARALLELISMS.length,
      maxLength: PARALLELISMS.length + 2,
    });
    await fc.assert(
      fc.asyncProperty(phases, async (given) => {
        const world = new SimWorld({ seed: 1, latencyScale: 0.01 });
        const fleet = new Fleet(keySet, world.startProcess());
        await world.scheduler.runUntil(fleet.run(given));
      }),
      { numRuns: 10, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
    );
  });
}
