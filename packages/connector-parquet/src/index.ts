export { OxbowError } from "oxbow";
