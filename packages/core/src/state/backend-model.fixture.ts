/*
 * A keyed backend beside a model of plain maps, driven by commands: states, timers, panes,
 * snapshots in flight, aborts, crashes. Every finished snapshot is loaded (base and deltas) into a
 * fresh backend and compared with the model as it was at the freeze.
 */
import assert from "node:assert/strict";
import {
  assertEqual,
  cloneModel,
  dump,
  emptyModel,
  freshInstance,
  type Instance,
  isEmpty,
  type KeySet,
  MAX_PARALLELISM,
  type Model,
  type ModelKey,
  type ModelPaneKey,
  NAMESPACES,
  readKey,
  tablesOf,
  timerName,
} from "./backend-dump.fixture.ts";
import { chunkReader } from "./chunk-reader.ts";
import type { BackendSnapshot } from "./keyed-backend.ts";
import { ChunkPool, type RowChunk, type RowColumns } from "./row-chunk.ts";

/** One step; `do` says which, the others are its arguments. */
export interface Command {
  readonly do: string;
  readonly key?: number;
  readonly value?: number;
  readonly text?: string;
  readonly count?: number;
  readonly at?: number;
  readonly rows?: number;
  readonly pane?: number;
  readonly upTo?: number;
  readonly isBased?: boolean;
}

/** Bugs to plant. */
export interface Plants {
  readonly skipTouchedCopies?: boolean;
}

interface InFlight {
  readonly id: number;
  readonly kind: "checkpoint" | "savepoint";
  readonly base: number | undefined;
  readonly snapshot: BackendSnapshot;
  readonly chunks: RowChunk[];
  readonly model: Model;
}
interface Finished {
  readonly id: number;
  readonly model: Model;
  /** Rows of base and deltas, oldest first. */
  readonly chain: readonly (readonly RowColumns[])[];
}

/** Runs commands on a fresh backend and checks all along. */
export function runCommands(
  commands: readonly Command[],
  keySet: KeySet,
  plants: Plants = {},
): void {
  const run = new Run(keySet, plants);
  for (const command of commands) run.step(command);
  run.end();
}

class Run {
  readonly #keySet: KeySet;
  readonly #plants: Plants;
  readonly #pool = new ChunkPool();
  #instance: Instance;
  #model: Model = emptyModel();
  #inFlight: InFlight[] = [];
  #finished: Finished[] = [];
  #nextId = 1;

  constructor(keySet: KeySet, plants: Plants) {
    this.#keySet = keySet;
    this.#plants = plants;
    this.#instance = this.#fresh();
  }

  #fresh(): Instance {
    return freshInstance(this.#keySet, this.#pool);
  }

  step(command: Command): void {
    const { key = 0 } = command;
    switch (command.do) {
      case "freeze":
        this.#freeze(command.isBased === true);
        return;
      case "savepoint":
        this.#begin("savepoint", undefined);
        return;
      case "slice":
        this.#slice(command.at ?? 0, command.rows ?? 1);
        return;
      case "finish":
        this.#slice(command.at ?? 0, 1e9);
        return;
      case "abort":
        this.#abort(command.at ?? 0);
        return;
      case "crash":
        this.#crash(command.at ?? 0);
        return;
      case "upkeep":
        this.#instance.backend.upkeep(command.rows ?? 1);
        return;
      case "timer":
      case "untimer":
        this.#timer(command, key);
        return;
      case "fire":
        this.#fire(command.upTo ?? 0, command.count ?? 0);
        return;
      case "paneAdd":
      case "paneRemove":
      case "paneDrop":
        this.#pane(command, key);
        return;
      default:
        this.#state(command, key);
    }
  }

  end(): void {
    while (this.#inFlight.length > 0) this.#slice(0, 1e9);
    assert.equal(this.#pool.takenBytes, 0, "all chunk buffers were given back");
    assertEqual(dump(this.#instance, this.#keySet), this.#model);
    while (this.#instance.backend.upkeep(1000));
  }

  #state(command: Command, key: number): void {
    const { backend } = this.#instance;
    const { value, stats, list, map } = backend.states;
    const { text = "" } = command;
    backend.setCurrentKey(this.#keySet.keys[key]);
    const model = this.#modelKey(key);
    switch (command.do) {
      case "set":
        value.set((model.value = command.value ?? 0));
        break;
      case "clear":
        value.clear();
        model.value = undefined;
        break;
      case "field":
        stats.fields.count++;
        stats.fields.label = text;
        model.stats ??= { count: 0, label: "none", rate: undefined };
        model.stats = { ...model.stats, count: model.stats.count + 1, label: text };
        break;
      case "setStats":
        model.stats = { count: text.length, label: text, rate: text.length / 3 };
        stats.set({ ...model.stats, rate: text.length / 3 });
        break;
      case "clearStats":
        stats.clear();
        model.stats = undefined;
        break;
      case "listAdd":
        list.add(text);
        model.list.push(text);
        break;
      case "listFill":
        for (let n = 0; n < (command.count ?? 0); n++) {
          list.add(`${n}`);
          model.list.push(`${n}`);
        }
        break;
      case "listUpdate":
        list.update([text, "b"]);
        model.list = [text, "b"];
        break;
      case "listClear":
        list.clear();
        model.list = [];
        break;
      case "mapSet":
        map.set(text, command.value ?? 0);
        model.map.set(text, command.value ?? 0);
        break;
      case "mapDelete":
        assert.equal(map.delete(text), model.map.delete(text));
        break;
      case "mapClear":
        map.clear();
        model.map.clear();
        break;
      case "clearAll":
        value.clear();
        stats.clear();
        list.clear();
        map.clear();
        this.#model.keys.delete(key);
        break;
      default:
        throw new Error(`unknown command ${command.do}`);
    }
    const now = this.#modelKey(key);
    assertEqual(readKey(backend), now);
    if (isEmpty(now)) {
      this.#model.keys.delete(key);
      assert.equal(backend.currentRow, 0, "a key without state has no row");
    }
  }

  #modelKey(key: number): ModelKey {
    let model = this.#model.keys.get(key);
    if (model === undefined) {
      model = { value: undefined, stats: undefined, list: [], map: new Map() };
      this.#model.keys.set(key, model);
    }
    return model;
  }

  #timer(command: Command, key: number): void {
    const { backend } = this.#instance;
    const { at = 0, pane = 0 } = command;
    backend.setCurrentKey(this.#keySet.keys[key]);
    const name = `${at}/${pane}/${key}`;
    if (command.do === "timer") {
      backend.eventTimers.register(at, NAMESPACES[pane]);
      this.#model.timers.add(name);
    } else {
      backend.eventTimers.delete(at, NAMESPACES[pane]);
      this.#model.timers.delete(name);
    }
    assert.equal(backend.eventTimers.size, this.#model.timers.size);
  }

  #fire(upTo: number, countMax: number): void {
    const { backend } = this.#instance;
    let last = -Infinity;
    const fired = backend.eventTimers.popDue(upTo, countMax, (timestamp, namespace) => {
      assert.ok(timestamp >= last && timestamp <= upTo, "timers fire in order");
      last = timestamp;
      const name = timerName(this.#keySet, backend, timestamp, namespace);
      assert.ok(this.#model.timers.delete(name), `timer ${name} was registered`);
    });
    const next = backend.eventTimers.nextTimestamp();
    if (fired < countMax) assert.ok(next > upTo, "no timer is due any more");
    const times = [...this.#model.timers].map((name) => Number(name.split("/")[0]));
    assert.equal(next, Math.min(Infinity, ...times));
  }

  #pane(command: Command, key: number): void {
    const { family, probe, paneValues, itemValues } = this.#instance;
    const { pane = 0, text = "" } = command;
    const namespace = NAMESPACES[pane];
    if (command.do === "paneDrop") {
      family.drop(namespace);
      this.#model.panes.delete(pane);
      return;
    }
    probe.set(this.#keySet.keys[key]);
    const { table, children } = family.open(namespace);
    let model = this.#model.panes.get(pane);
    if (model === undefined) this.#model.panes.set(pane, (model = new Map<number, ModelPaneKey>()));
    if (command.do === "paneRemove") {
      const row = table.find(probe.keys, 0);
      assert.equal(row !== 0, model.delete(key));
      if (row !== 0) table.remove(row);
      return;
    }
    const row = table.upsert(probe.keys, 0);
    const known = model.get(key) ?? { count: 0, label: "", items: [] };
    model.set(key, { count: known.count + 1, label: text, items: [...known.items, text] });
    const before = paneValues.read(table, row) as { count: number };
    assert.equal(before.count, known.count);
    paneValues.write(table, row, { count: before.count + 1, label: text }, 0);
    itemValues.write(children[0], children[0].links.append(row), text, 0);
  }

  #freeze(isBased: boolean): void {
    this.#begin("checkpoint", isBased ? this.#finished.at(-1)?.id : undefined);
  }

  #begin(kind: "checkpoint" | "savepoint", base: number | undefined): void {
    if (this.#inFlight.length >= 4) return;
    const id = this.#nextId++;
    const snapshot = this.#instance.backend.freeze({ id, kind, base, timestamp: 0 });
    if (base === undefined) assert.equal(snapshot.isDelta, false);
    if (kind === "savepoint") assert.equal(snapshot.isDelta, false);
    const model = cloneModel(this.#model);
    this.#inFlight.push({ id, kind, base, snapshot, chunks: [], model });
    if (this.#plants.skipTouchedCopies === true) {
      for (const table of tablesOf(this.#instance)) table.copySets.length = 0;
    }
  }

  #slice(at: number, rows: number): void {
    const inFlight = this.#inFlight[at % Math.max(1, this.#inFlight.length)];
    if (inFlight === undefined) return;
    const sink = {
      emit: (chunk: RowChunk) => {
        inFlight.chunks.push({ ...chunk, buffer: chunk.buffer.slice(0) });
        // The buffer goes into the next chunk: nothing may depend on it any more.
        new Uint8Array(chunk.buffer).fill(0xab);
        this.#pool.give(chunk.buffer);
      },
      hasRoom: () => true,
    };
    if (inFlight.snapshot.copySlice(rows, sink)) this.#complete(inFlight);
  }

  #complete(inFlight: InFlight): void {
    this.#inFlight = this.#inFlight.filter((other) => other !== inFlight);
    const rows = inFlight.chunks.map((chunk) =>
      chunkReader(inFlight.snapshot.layouts[chunk.layoutIndex], MAX_PARALLELISM)(chunk),
    );
    const base = this.#finished.find((finished) => finished.id === inFlight.base);
    // Its base was lost in a crash.
    if (inFlight.snapshot.isDelta && base === undefined) return;
    const chain = inFlight.snapshot.isDelta ? [...(base?.chain ?? []), rows] : [rows];
    const finished = { id: inFlight.id, model: inFlight.model, chain };
    assertEqual(dump(this.#load(finished), this.#keySet), inFlight.model);
    if (inFlight.kind === "savepoint") return;
    // One that is overtaken does not become the newest.
    if ((this.#finished.at(-1)?.id ?? 0) < finished.id) this.#finished.push(finished);
  }

  #load(finished: Finished): Instance {
    const instance = this.#fresh();
    for (const rows of finished.chain) {
      for (const part of rows) if (part.kind !== "puts") instance.backend.load(part);
      for (const part of rows) if (part.kind === "puts") instance.backend.load(part);
    }
    instance.backend.finishLoad(finished.id);
    return instance;
  }

  #abort(at: number): void {
    const inFlight = this.#inFlight[at % Math.max(1, this.#inFlight.length)];
    if (inFlight === undefined) return;
    inFlight.snapshot.abort();
    this.#inFlight = this.#inFlight.filter((other) => other !== inFlight);
  }

  #crash(at: number): void {
    const finished = this.#finished[at % Math.max(1, this.#finished.length)];
    if (finished === undefined) return;
    for (const { snapshot } of this.#inFlight) snapshot.abort();
    this.#inFlight = [];
    this.#finished = this.#finished.filter((other) => other.id <= finished.id);
    this.#instance = this.#load(finished);
    this.#model = cloneModel(finished.model);
  }
}
