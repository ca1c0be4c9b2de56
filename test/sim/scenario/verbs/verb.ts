import type { Arguments } from '../arguments.ts';
import type { Stage } from '../stage.ts';

/**
 * A verb of the scenarios: takes its arguments, does one thing to the world, and gives the lines that are printed ("ok"
 * stands for none). A new verb is one entry in a file here; verbs/all.ts lists the files.
 */
export type Verb = (stage: Stage, args: Arguments) => readonly string[] | Promise<readonly string[]>;

export type Verbs = Readonly<Record<string, Verb>>;
