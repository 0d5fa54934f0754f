// Damage to the files of a snapshot: a restore is refused with file and offset, or nothing came of
// it; never another state, never a hang. Some of all damages, chosen by a seed; OXBOW_DAMAGE=all
// tries each: half an hour, with `npm run exec -- --test <this file>`, which has no budget.
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import type { StreamEnvironment } from "../api/environment.ts";
import { collect } from "../connectors/collect.ts";
import { generator } from "../connectors/generator.ts";
import type { Random } from "../env/env.ts";
import { seededRandom } from "../env/random.ts";
import type { OxbowError } from "../errors.ts";
import { encodeCheckedText } from "../snapshot/checked-text.ts";
import { t } from "../types/t.ts";
import { sum } from "../window/aggregates.ts";
import { checkpointImage, judge, resumeImage, savepointImage } from "./damage.fixture.ts";
import type { Damageable } from "./damage.fixture.ts";
import { withFile } from "./disk-image.fixture.ts";
import { JobBench } from "./job.fixture.ts";

const SEED = process.env["OXBOW_SEED"] ?? "damage";
const IS_ALL = process.env["OXBOW_DAMAGE"] === "all";
/** Of each kind of damage and each file, how many are tried. */
const TRIED_COUNT = 25;

const IMAGES: readonly [what: string, make: () => Promise<Damageable>][] = [
  ["a savepoint", savepointImage],
  ["a checkpoint of another run", checkpointImage],
  ["the newest checkpoint of the run", resumeImage],
];

/** All of 0 … count - 1, or some of them. */
function* chosen(random: Random, count: number): Generator<number> {
  if (IS_ALL || count <= TRIED_COUNT) for (let i = 0; i < count; i++) yield i;
  else for (let i = 0; i < TRIED_COUNT; i++) yield random.int(count);
}

/** Counts outcomes, so that a test that tries nothing is seen. */
class Tally {
  readonly counts = new Map<string, number>();

  add(outcome: string): void {
    this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + 1);
  }

  get refusedCount(): number {
    return [...this.counts].reduce(
      (sum, [name, count]) => sum + (name === "harmless" ? 0 : count),
      0,
    );
  }
}

for (const [what, make] of IMAGES) {
  test(`a byte of ${what} that is another is noticed`, async () => {
    const damageable = await make();
    const random = seededRandom(SEED).fork(`flips of ${what}`);
    const tally = new Tally();
    for (const file of damageable.files) {
      const bytes = damageable.image.get(file)!;
      for (const at of chosen(random, bytes.length)) {
        for (const mask of IS_ALL ? [0x01, 0x10, 0x80, 0xff] : [1 << random.int(8)]) {
          const changed = bytes.slice();
          changed[at] ^= mask;
          const name = `seed ${SEED}, ${file}, byte ${at} ^ ${mask}`;
          tally.add(await judge(damageable, withFile(damageable.image, file, changed), name));
        }
      }
    }
    assert.equal(tally.counts.get("harmless"), undefined, JSON.stringify([...tally.counts]));
    assert.ok(tally.refusedCount > 90);
  });

  test(`a file of ${what} that is cut, or has bytes more, is noticed`, async () => {
    const damageable = await make();
    const random = seededRandom(SEED).fork(`cuts of ${what}`);
    const tally = new Tally();
    for (const file of damageable.files) {
      const bytes = damageable.image.get(file)!;
      const changes = [...chosen(random, bytes.length)].map((size) => bytes.slice(0, size));
      const more = [bytes, bytes.subarray(0, 8), Uint8Array.of(0), Uint8Array.of(10)];
      changes.push(...more.map((added) => Uint8Array.from([...bytes, ...added])));
      for (const changed of changes) {
        const name = `seed ${SEED}, ${file}, ${changed.length} of ${bytes.length} bytes`;
        tally.add(await judge(damageable, withFile(damageable.image, file, changed), name));
      }
    }
    assert.ok(tally.refusedCount > 60, JSON.stringify([...tally.counts]));
  });

  test(`a file of ${what} that is missing, or another one, is noticed`, async () => {
    const damageable = await make();
    const tally = new Tally();
    const { image, files } = damageable;
    for (const file of files) {
      // These say something by being there: that somebody restored, holds it, has completed it.
      if (!/_restored|lock|run\.json|runs\/[^/]*\/chk/u.test(file)) {
        tally.add(await judge(damageable, withFile(image, file, undefined), `without ${file}`));
      }
      for (const [other, bytes] of image) {
        if (other === file) continue;
        const replaced = withFile(image, file, bytes);
        tally.add(await judge(damageable, replaced, `${other} in the place of ${file}`));
        const swapped = withFile(replaced, other, image.get(file));
        tally.add(await judge(damageable, swapped, `${other} and ${file} swapped`));
      }
    }
    assert.ok(tally.refusedCount > 20, JSON.stringify([...tally.counts]));
  });
}

test("a file of a newer version is refused as such", async () => {
  for (const [what, make] of IMAGES) {
    const damageable = await make();
    for (const file of damageable.files) {
      const newer = file.endsWith(".seg")
        ? newerSegment(damageable.image.get(file)!)
        : newerText(damageable.image.get(file)!);
      const outcome = await judge(damageable, withFile(damageable.image, file, newer), file);
      const codes = file.endsWith(".seg")
        ? ["SEGMENT_VERSION_UNSUPPORTED"]
        : ["METADATA_VERSION_UNSUPPORTED", "CHECKPOINT_UNREADABLE"];
      assert.ok(codes.includes(outcome), `${what}: ${file}: ${outcome}`);
    }
  }
});

function newerSegment(bytes: Uint8Array): Uint8Array {
  const newer = bytes.slice();
  const view = new DataView(newer.buffer);
  view.setUint32(8, 2, true);
  view.setUint32(12, crc32(newer.subarray(0, 12)), true);
  return newer;
}

function newerText(bytes: Uint8Array): Uint8Array {
  const magic = /^[a-z-]+/.exec(Buffer.from(bytes).toString("latin1"))![0];
  return encodeCheckedText({ magic, version: 2 }, { what: "nobody knows" });
}

/** Sums of numbers per key: segments of the same size, whatever the number. */
function summing(number: number, out = collect<unknown>()) {
  return (env: StreamEnvironment): void =>
    env
      .checkpoint({ interval: 200 })
      .restart({ kind: "none" })
      .source(
        "numbers",
        generator({ count: 90, make: (index) => ({ index, number }), ratePerSecond: 100 }),
      )
      .keyBy(({ index }) => index % 2, t.int32)
      .aggregate("sums", { sum: sum("number") })
      .sink("out", out);
}

/** A machine on which the sums were stopped with a savepoint, or killed behind a checkpoint. */
async function summed(number: number, how: "stopped" | "killed") {
  const bench = new JobBench("sums");
  const handle = await bench.running(summing(number), { checkpointDirectory: "/runs" });
  await bench.advance(450);
  const savepoint =
    how === "stopped" ? await bench.world.scheduler.runUntil(handle.stop()) : undefined;
  bench.restart();
  const segments = bench.world.disk.paths().filter((path) => path.endsWith(".seg"));
  return { bench, savepoint, segments };
}

for (const how of ["stopped", "killed"] as const) {
  test(`a segment in which all is right but its rows is noticed (${how})`, async () => {
    const { bench, savepoint, segments } = await summed(1, how);
    const other = await summed(2, how);
    assert.deepEqual(segments, other.segments);
    assert.ok(segments.length > 0);
    for (const path of segments) {
      const bytes = other.bench.world.disk.content(path);
      assert.equal(bytes.length, bench.world.disk.content(path).length, "of the same size");
      bench.world.disk.remove(path);
      bench.world.disk.append(bench.world.disk.createFile(path, 0), bytes, 0);
    }
    const restore = savepoint && { restore: { path: savepoint.location } };
    const error = await bench.refused(summing(1), { checkpointDirectory: "/runs", ...restore });
    const code = how === "stopped" ? "SEGMENT_CORRUPTED" : "CHECKPOINT_UNREADABLE";
    assert.equal((error as OxbowError).code, code);
    assert.match(error.message, /\.seg .*its checksum is not the one in the snapshot/);
  });
}
