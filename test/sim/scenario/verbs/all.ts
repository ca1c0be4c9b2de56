import { ARCHIVE } from './archive.ts';
import { CHECKER } from './checker.ts';
import { LANES } from './lanes.ts';
import { LOOKS } from './looks.ts';
import { ROLES } from './roles.ts';
import { STREAMS } from './streams.ts';
import { TIME } from './time.ts';
import type { Verbs } from './verb.ts';
import { WRITES } from './writes.ts';

/** Every verb but `set`, with which each scenario begins. */
export const VERBS: Verbs = { ...WRITES, ...STREAMS, ...LANES, ...ROLES, ...TIME, ...ARCHIVE, ...CHECKER, ...LOOKS };
