/**
 * compile.mjs FILE: FILE has pairs of file name and source as JSON, and has in the end what V8 made of them, as base64.
 * A program of its own, because V8 takes compiled code only with the flags that it was made with.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

/** Compiles every function now: V8 leaves them for their first call else, and out of its cache. */
function compiled([filename, source]) {
  setFlagsFromString('--no-lazy');
  try {
    const script = new Script(source, { filename });
    // the cache is only taken by a V8 with the flags that it had at the end
    setFlagsFromString('--lazy');
    return script.createCachedData().toString('base64');
  } finally {
    setFlagsFromString('--lazy');
  }
}

const [, , file] = argv;
writeFileSync(file, JSON.stringify(JSON.parse(readFileSync(file, 'utf8')).map(compiled)));
