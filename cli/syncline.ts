#!/usr/bin/env node
import { connect, credentials, facts, localCloud, onStop, readText, runtime } from './outside.ts';
import { main } from './program.ts';

/** The `syncline` command. Everything it needs of the outside is given here; see program.ts. */
const { stdout, stderr } = process;
// A reader that goes away ("syncline … | head") ends the command; that is not an error.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const outside = { env: process.env, cwd: process.cwd(), localCloud, connect, facts, credentials, fetch, readText, onStop, runtime };
process.exitCode = await main(process.argv.slice(2), outside, stdout, stderr);
// Requests of a body that was cut off must not keep the process; what was written is flushed first.
stdout.write('', () => stderr.write('', () => process.exit()));
