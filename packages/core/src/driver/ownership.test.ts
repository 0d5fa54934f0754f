// Ownership of snapshots: after each of all short sequences of what a user and a machine can do,
// what can be restored from is complete, what must have gone is gone, and nothing is nobody's.
// Sequences that lead to the same state go on from there once. OXBOW_OWNERSHIP_DEPTH tries longer
// ones.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../env/random.ts";
import { Machine } from "./ownership.fixture.ts";
import type { Step } from "./ownership.fixture.ts";

const SEED = process.env["OXBOW_SEED"] ?? "ownership";
const DEPTH = Number(process.env["OXBOW_OWNERSHIP_DEPTH"] ?? 4);

/** Events of a machine in which a checkpoint is taken and the one before it deleted. */
const KILL_EVENTS = 90;

const SETTINGS = [
  { count: 1, onCancellation: "delete" },
  { count: 2, onCancellation: "keep" },
] as const;

/** Plays the steps on a machine of their own; returns what can be done then. */
async function play(retain: (typeof SETTINGS)[number], steps: readonly Step[]): Promise<Machine> {
  const machine = new Machine(retain);
  await machine.begin();
  for (const [index, step] of steps.entries()) {
    try {
      await machine.step(step);
    } catch (error) {
      const done = steps.slice(0, index + 1).join(", ");
      throw new Error(`retain ${retain.count}: ${done}`, { cause: error });
    }
  }
  return machine;
}

/** All sequences that begin with `first`; returns how many states they lead to. */
async function visit(
  retain: (typeof SETTINGS)[number],
  first: readonly Step[],
  depth: number,
): Promise<number> {
  const seen = new Set<string>();
  let level: (readonly Step[])[] = [first];
  for (let length = 0; length <= depth; length++) {
    const next: Step[][] = [];
    for (const steps of level) {
      const machine = await play(retain, steps);
      if (seen.has(machine.key)) continue;
      seen.add(machine.key);
      next.push(...machine.steps().map((step) => [...steps, step]));
    }
    level = next;
  }
  return seen.size;
}

for (const retain of SETTINGS) {
  test(`no short sequence leaves too much or too little (retain ${retain.count})`, async () => {
    const count = await visit(retain, [], DEPTH);
    assert.ok(count > 30, `${count} states`);
  });
}

test("nor does one that begins where two checkpoints share segments", async () => {
  const count = await visit(SETTINGS[1], ["checkpoint", "checkpoint", "kill"], DEPTH - 1);
  assert.ok(count > 30, `${count} states`);
});

/** Steps of which the last deletes something, or writes where others find it. */
const DELETING: readonly (readonly Step[])[] = [
  ["checkpoint", "checkpoint"],
  ["checkpoint", "savepoint"],
  ["checkpoint", "savepoint", "stop"],
  ["checkpoint", "cancel"],
  ["savepoint", "kill", "claim 0", "checkpoint"],
  ["checkpoint", "kill", "claim 0", "checkpoint"],
  ["checkpoint", "kill", "claim 0", "cancel"],
];

for (const steps of DELETING) {
  test(`killed in the last step, nothing is half there: ${steps.join(", ")}`, async () => {
    for (let eventsCount = 1; eventsCount < KILL_EVENTS; eventsCount += 3) {
      const machine = await play(SETTINGS[0], steps.slice(0, -1));
      try {
        await machine.interrupted(steps.at(-1)!, eventsCount);
      } catch (error) {
        throw new Error(`killed after ${eventsCount} events`, { cause: error });
      }
    }
  });
}

test("long sequences neither", async () => {
  for (let walk = 0; walk < 12; walk++) {
    const random = seededRandom(SEED).fork(`walk ${walk}`);
    const machine = await play(SETTINGS[walk % 2], []);
    const steps: Step[] = [];
    for (let length = 0; length < 12; length++) {
      const possible = machine.steps();
      steps.push(possible[random.int(possible.length)]);
      try {
        await machine.step(steps.at(-1)!);
      } catch (error) {
        throw new Error(`seed ${SEED}, walk ${walk}: ${steps.join(", ")}`, { cause: error });
      }
    }
  }
});
