import { hostname } from 'node:os';
import { createInterface } from 'node:readline/promises';
import type { AdoptConnect } from './adopt-aws.ts';
import { adoptPort } from './adopt-aws.ts';
import type { Screen } from './adopt-progress.ts';

/** What `adopt` needs of the outside beside what every command has; tests give their own. */
export interface AdoptIo {
  readonly connect: AdoptConnect;
  /** Asks a person; undefined where nobody can be asked. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined;
  /** Who runs it: host and process. */
  readonly owner: string;
  /** Where progress is shown. */
  readonly stream: Screen['stream'];
}

/** The real one: this host and its terminal. */
export const adoptIo = (): AdoptIo => ({
  connect: adoptPort,
  confirm: process.stdin.isTTY === true && process.stderr.isTTY === true ? askAtTerminal : undefined,
  owner: `${hostname()}, process ${process.pid}`,
  stream: process.stderr,
});

async function askAtTerminal(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
