#!/usr/bin/env node
// By its own name, so that inside the repository the condition `oxbow-source` runs the sources.
import { main } from "@oxbow/cli";

process.exitCode = await main(process.argv.slice(2));
