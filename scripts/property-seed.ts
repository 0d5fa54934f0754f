/** Loaded before tests where `OXBOW_SEED` is set: every property of fast-check starts from it. */
import fc from "fast-check";

const seed = Number(process.env["OXBOW_SEED"]);
if (!Number.isSafeInteger(seed)) throw new Error(`OXBOW_SEED is "${process.env["OXBOW_SEED"]}"`);
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
