/*
 * Seeded random streams: `Random` on sfc32, a small generator with good statistics and 128 bits of
 * state. Shared by the real Env (seeded by the system) and the simulator (seeded by the test).
 *
 * I1. A stream made by `seededRandom(seed)` is a pure function of the seed. Its forks depend on
 *     the seed and the names on the way, never on how much was drawn from the parent: adding a
 *     draw in one component does not change what another one sees.
 */
import { assert } from "../assert.ts";
import type { Random } from "./env.ts";

/** Largest `end` of `Random.int`. */
const INT_END_LIMIT = 0x8000_0000;

/** A deterministic stream; the same seed gives the same numbers for ever. */
export function seededRandom(seed: string | number): Random {
  return new Sfc32(
    hash128(String(seed)),
    (parent, name) => seededRandom(`${parent}/${name}`),
    String(seed),
  );
}

/** A stream from 128 bits of entropy, drawn again for every fork. */
export function entropyRandom(entropy: () => Uint32Array): Random {
  const fork = (): Random => new Sfc32(entropy(), fork, "");
  return fork();
}

class Sfc32 implements Random {
  readonly #path: string;
  readonly #forkOf: (path: string, name: string) => Random;
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(words: Uint32Array, forkOf: (path: string, name: string) => Random, path: string) {
    assert(words.length === 4, "a random stream is seeded with 4 words");
    this.#path = path;
    this.#forkOf = forkOf;
    this.#a = words[0] | 0;
    this.#b = words[1] | 0;
    this.#c = words[2] | 0;
    this.#counter = words[3] | 0;
    // The first outputs are still close to the seed.
    for (let i = 0; i < 12; i++) this.#word();
  }

  #word(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  next(): number {
    return (this.#word() * 2 ** 21 + (this.#word() >>> 11)) / 2 ** 53;
  }

  int(end: number): number {
    assert(
      Number.isInteger(end) && end >= 1 && end <= INT_END_LIMIT,
      () => `int(${end}): out of range`,
    );
    return Math.floor(this.next() * end);
  }

  fork(name: string): Random {
    return this.#forkOf(this.#path, name);
  }
}

/** Four words from a text: FNV-1a with four offsets, finished as murmur3 does. */
function hash128(text: string): Uint32Array {
  const words = new Uint32Array([0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35]);
  for (let w = 0; w < 4; w++) {
    let hash = words[w];
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x85ebca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2ae35);
    words[w] = hash ^ (hash >>> 16);
  }
  return words;
}
