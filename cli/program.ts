import type { Writable } from 'node:stream';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { registerAdopt } from './commands/adopt.ts';
import { registerArchive } from './commands/archive.ts';
import { registerCheck } from './commands/check.ts';
import { registerCompletion, registerProtocol } from './commands/completion.ts';
import { registerCost } from './commands/cost.ts';
import { registerDiff } from './commands/diff.ts';
import { registerDlq } from './commands/dlq.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerEndpoints } from './commands/endpoints.ts';
import { registerHistory } from './commands/history.ts';
import { registerInit } from './commands/init.ts';
import { registerItems } from './commands/items.ts';
import { registerLog } from './commands/log.ts';
import { registerOrphans } from './commands/orphans.ts';
import { isAssignment, patchTexts, refuseAssignments, registerPatch } from './commands/patch.ts';
import { registerProve } from './commands/prove.ts';
import { registerQuery } from './commands/query.ts';
import { registerRefused } from './commands/refused.ts';
import { registerRestore } from './commands/restore.ts';
import { registerResync } from './commands/resync.ts';
import { registerSnapshot } from './commands/snapshot.ts';
import { registerStatus } from './commands/status.ts';
import { registerUndo } from './commands/undo.ts';
import { CliError, EXIT, explain } from './errors.ts';
import { againWith, errorSteps } from './next-steps.ts';
import { Output } from './output.ts';
import type { GlobalOptions, Outside, Session, SessionNeeds } from './session.ts';
import { openSession } from './session.ts';

/** Default and longest time that a command may take (s). */
const TIMEOUT_S = 60;
const TIMEOUT_MAX_S = 86_400;
/** A command whose time is up gets this long to end by itself, with what it has, before it is cut off (ms). */
const GRACE_MS = 5_000;

/** How a command's body is run, where not as usual. */
export interface RunNeeds extends SessionNeeds {
  /** The body ends when a person wants it, not after --timeout. */
  readonly time?: 'open';
}

/** Runs a command's body in a session; gives the exit code. */
export type Run = (command: Command, body: (session: Session) => Promise<number>, needs?: RunNeeds) => Promise<void>;

/** Runs a command's body that needs no set and no cloud. */
export type RunAlone = (command: Command, body: (out: Output, options: GlobalOptions) => Promise<number>) => Promise<void>;

const EXIT_HELP = `
Exit codes:
  0  done, nothing needs attention
  1  failed
  2  the command line is wrong
  3  done, but something needs a person's attention, or there is no such item
  4  a region could not be reached in time

With --json, stdout is one JSON document, also for errors: {"error":{"code","message",…}}. What may follow is in "next_steps".`;

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
  let place: GlobalOptions | undefined;
  let local = false;
  const optionsOf = (command: Command): { options: GlobalOptions; out: Output } => {
    const { set: names, ...rest } = command.optsWithGlobals<Omit<GlobalOptions, 'set'> & { readonly set?: readonly string[] }>();
    const set = names?.at(-1);
    const options: GlobalOptions = { ...rest, ...(set !== undefined && { set }) };
    place = options;
    return { options, out: new Output(stdout, stderr, { json: options.json === true, color: options.color !== false }) };
  };
  const run: Run = async (command, body, needs = {}) => {
    const { options, out } = optionsOf(command);
    const work = async (): Promise<number> => {
      const session = await openSession(options, outside, out, needs);
      local = session.where.local;
      return body(session);
    };
    code = needs.time === 'open' ? await work() : await inTime(options.timeout, work);
  };
  const alone: RunAlone = async (command, body) => {
    const { options, out } = optionsOf(command);
    code = await body(out, options);
  };
  try {
    const make = (): Command => makeProgram(args, run, alone, stdout, json ? undefined : stderr);
    const program = make();
    registerProtocol(program, alone, make);
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return EXIT.ok;
      if (json) {
        const message = error.code === 'commander.help' ? 'No command was given. See "syncline --help".' : error.message.replace(/^error: /, '');
        report(early, new CliError('usage', 'usage', message), {}, false);
      }
      return EXIT.usage;
    }
    const known = explain(error);
    report(early, known, place ?? {}, local);
    if (known.code === 'unexpected' && known.cause instanceof Error) early.note(known.cause.stack ?? '');
    return EXIT[known.ending];
  }
}

function report(out: Output, error: CliError, place: Partial<GlobalOptions>, local: boolean): void {
  const steps = errorSteps(error.code, againWith(place), local);
  if (out.json) out.result({ error: { code: error.code, message: error.message, ...error.details } }, () => '', steps);
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

function makeProgram(args: readonly string[], run: Run, alone: RunAlone, stdout: Writable, stderr: Writable | undefined): Command {
  const changes = patchTexts(args);
  const program = new Command('syncline')
    .description('Looks at, starts, reads, writes and repairs a replica set: copies of a DynamoDB table in several AWS regions.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr?.write(text) })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('See "syncline --help".')
    .addHelpText('afterAll', EXIT_HELP)
    .optionsGroup('Which set (default: the context of cdk.json, or what the running local cloud holds):')
    // "patch" takes --set PATH=JSON, too; a set's name has no "=". A list, since commander has no word for "not given".
    .addOption(
      new Option('--set <name>', 'name of the replica set').argParser<string[]>((text, before) => [...(before ?? []), ...(isAssignment(text) ? [] : [text])]),
    )
    .option('--regions <list>', 'its regions, separated by commas')
    .option('--account <id>', 'AWS account, 12 digits (default: the account of the deployed stack)')
    .option('--accounts <list>', 'one account for each region, where they differ, separated by commas')
    .option('--tables <list>', 'adopted tables, REGION=NAME, separated by commas')
    .option('--keys <list>', 'key attributes, NAME:TYPE, separated by commas; types are S, N, B')
    .option('--lanes <number>', 'lanes of a link')
    .optionsGroup('Where (default: SYNCLINE_ENDPOINTS, AWS_ENDPOINT_URL, the local cloud that runs in this checkout, AWS):')
    .addOption(
      new Option('--endpoint <region=url>', 'endpoint of a region, or one URL for all of them; may be repeated').argParser<string[]>((text, before) => [
        ...(before ?? []),
        text,
      ]),
    )
    .option('--aws', 'AWS itself, though a local cloud runs here')
    .optionsGroup('How:')
    .option('--json', 'answer with one JSON document')
    .option('--no-color', 'no colours')
    .addOption(new Option('--timeout <seconds>', 'give up after this time').default(TIMEOUT_S).argParser(seconds))
    .hook('preAction', (_, action) => refuseAssignments(action.name(), changes));
  program.commandsGroup('Look:');
  registerStatus(program, run);
  registerEndpoints(program, run);
  registerDoctor(program, run);
  registerCost(program, alone);
  program.commandsGroup('Items:');
  registerItems(program, run);
  registerPatch(program, run, changes);
  registerQuery(program, run);
  program.commandsGroup('Start and repair:');
  registerInit(program, run);
  registerAdopt(program, run);
  registerResync(program, run);
  registerDlq(program, run);
  registerRefused(program, run);
  program.commandsGroup('Compare:');
  registerCheck(program, run);
  registerProve(program, run);
  registerDiff(program, run);
  registerOrphans(program, run);
  program.commandsGroup('Archive:');
  registerSnapshot(program, run);
  registerArchive(program, run);
  registerHistory(program, run);
  registerLog(program, run);
  registerRestore(program, run);
  registerUndo(program, run);
  program.commandsGroup('Shell:');
  registerCompletion(program, alone);
  return program;
}

function seconds(text: string): number {
  const number = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || number <= 0 || number > TIMEOUT_MAX_S)
    throw new InvalidArgumentError(`It must be a number of seconds, more than 0 and at most ${TIMEOUT_MAX_S}.`);
  return number;
}
