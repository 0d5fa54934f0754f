import { OxbowError } from "oxbow";

console.log(`The flights example comes here (engine loaded: ${OxbowError.name}).`);
