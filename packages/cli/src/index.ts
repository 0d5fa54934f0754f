import { OxbowError } from "oxbow";

/** Runs the `oxbow` command with `args` (without node and script). Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  console.error(`oxbow ${args.join(" ")}: no command yet (engine loaded: ${OxbowError.name}).`);
  return 2;
}
