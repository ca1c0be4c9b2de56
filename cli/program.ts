import type { Writable } from 'node:stream';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { registerDlq } from './commands/dlq.ts';
import { registerEndpoints } from './commands/endpoints.ts';
import { registerInit } from './commands/init.ts';
import { registerRefused } from './commands/refused.ts';
import { registerResync } from './commands/resync.ts';
import { registerStatus } from './commands/status.ts';
import { CliError, EXIT, explain } from './errors.ts';
import { Output } from './output.ts';
import type { GlobalOptions, Outside, Session } from './session.ts';
import { openSession } from './session.ts';

/** Default and longest time that a command may take (s). */
const TIMEOUT_S = 60;
const TIMEOUT_MAX_S = 86_400;
/** A command whose time is up gets this long to end by itself, with what it has, before it is cut off (ms). */
const GRACE_MS = 5_000;

/** Runs a command's body in a session; gives the exit code. */
export type Run = (command: Command, body: (session: Session) => Promise<number>) => Promise<void>;

const EXIT_HELP = `
Exit codes:
  0  done, nothing needs attention
  1  failed
  2  the command line is wrong
  3  done, but something needs a person's attention
  4  a region could not be reached in time

With --json, stdout is one JSON document, also for errors: {"error":{"code","message",…}}.`;

/**
 * Parses a command line and does what it says. Never throws; the outcome is the exit code.
 *
 * @param args the arguments, without node and the script.
 */
export async function main(args: readonly string[], outside: Outside, stdout: Writable, stderr: Writable): Promise<number> {
  // What the command line says of the form of answers must hold for its own mistakes, too, so it is read before parsing.
  const json = args.includes('--json');
  const early = new Output(stdout, stderr, { json, color: false });
  let code: number = EXIT.ok;
  const run: Run = async (command, body) => {
    const options = command.optsWithGlobals<GlobalOptions>();
    const out = new Output(stdout, stderr, { json: options.json === true, color: options.color !== false });
    code = await inTime(options.timeout, async () => body(await openSession(options, outside, out)));
  };
  try {
    await makeProgram(run, stdout, json ? undefined : stderr).parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return EXIT.ok;
      if (json)
        report(
          early,
          stdout,
          new CliError(
            'usage',
            'usage',
            error.code === 'commander.help' ? 'No command was given. See "syncline --help".' : error.message.replace(/^error: /, ''),
          ),
        );
      return EXIT.usage;
    }
    const known = explain(error);
    report(early, stdout, known);
    if (known.code === 'unexpected' && known.cause instanceof Error) early.note(known.cause.stack ?? '');
    return EXIT[known.ending];
  }
}

function report(out: Output, stdout: Writable, error: CliError): void {
  if (out.json) stdout.write(`${JSON.stringify({ error: { code: error.code, message: error.message, ...error.details } }, null, 2)}\n`);
  else out.note(`error: ${error.message}`);
}

/** Cuts a body off that does not end in its time. Requests have time limits of their own; this is for what has none. */
async function inTime(seconds: number, body: () => Promise<number>): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new CliError('unreachable', 'timeout', `Not done after ${seconds} s. Try again, or give more time with --timeout SECONDS.`)),
      seconds * 1_000 + GRACE_MS,
    );
  });
  try {
    return await Promise.race([body(), late]);
  } finally {
    clearTimeout(timer);
  }
}

function makeProgram(run: Run, stdout: Writable, stderr: Writable | undefined): Command {
  const program = new Command('syncline')
    .description('Looks at, starts and repairs a replica set: copies of a DynamoDB table in several AWS regions.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr?.write(text) })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('See "syncline --help".')
    .addHelpText('afterAll', EXIT_HELP)
    .optionsGroup('Which set (default: the context of cdk.json, or what the running local cloud holds):')
    .option('--set <name>', 'name of the replica set')
    .option('--regions <list>', 'its regions, separated by commas')
    .option('--account <id>', 'AWS account, 12 digits (default: the account of the deployed stack)')
    .option('--keys <list>', 'key attributes, NAME:TYPE, separated by commas; types are S, N, B')
    .option('--lanes <number>', 'lanes of a link')
    .optionsGroup('Where (default: SYNCLINE_ENDPOINTS, AWS_ENDPOINT_URL, the local cloud that runs in this checkout, AWS):')
    .addOption(new Option('--endpoint <region=url>', 'endpoint of a region; may be repeated').argParser<string[]>((text, before) => [...(before ?? []), text]))
    .option('--aws', 'AWS itself, though a local cloud runs here')
    .optionsGroup('How:')
    .option('--json', 'answer with one JSON document')
    .option('--no-color', 'no colours')
    .addOption(new Option('--timeout <seconds>', 'give up after this time').default(TIMEOUT_S).argParser(seconds));
  registerStatus(program, run);
  registerInit(program, run);
  registerResync(program, run);
  registerDlq(program, run);
  registerRefused(program, run);
  registerEndpoints(program, run);
  return program;
}

function seconds(text: string): number {
  const number = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || number <= 0 || number > TIMEOUT_MAX_S)
    throw new InvalidArgumentError(`It must be a number of seconds, more than 0 and at most ${TIMEOUT_MAX_S}.`);
  return number;
}
