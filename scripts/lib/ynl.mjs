/** Reading YNL specifications, and the names that they give. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** Tells what is wrong and ends the program. */
function fail(message) {
  console.error(`import-ynl: ${message}`);
  process.exit(1);
}

/** The facts of a specification; ends the program when it is none. */
export function readSpecification(file) {
  let found;
  try {
    found = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    fail(`${file}: ${error.message}`);
  }
  if (!Array.isArray(found?.['attribute-sets']) || !Array.isArray(found.operations?.list)) {
    fail(`${file}: not a YNL specification: expected 'attribute-sets' and 'operations' with a 'list'`);
  }
  return found;
}

/** A name of the specification as the schemas spell it. */
export const camel = (name) => name.replace(/[-_ ]+([a-zA-Z0-9])/g, (_, letter) => letter.toUpperCase());
/** A name as a key of an object. */
export const key = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`);
