import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { AdoptFacts } from '../../lib/adopt/check.ts';
import { checkTable } from '../../lib/adopt/check.ts';
import type { MemberConfig } from '../../lib/core/config.ts';
import { retried } from '../../lib/replicate/retry.ts';
import type { Deployable } from '../adopt-deploy.ts';
import { cdkLines, deploySteps } from '../adopt-deploy.ts';
import { fill } from '../adopt-fill.ts';
import { deployedWith, gatherAdopt, keyOfSet, keysText, sessionOf } from '../adopt-gather.ts';
import type { AdoptIo } from '../adopt-io.ts';
import { adoptIo } from '../adopt-io.ts';
import { findingsText } from '../adopt-show.ts';
import type { Stage } from '../adopt-told.ts';
import { tablesOption, told } from '../adopt-told.ts';
import { CliError, EXIT } from '../errors.ts';
import type { NextStep } from '../next-steps.ts';
import { shellWord } from '../next-steps.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { located, memberOption } from '../session.ts';

/** Most keys a second that may be asked for. */
const RATE_MAX = 1_000_000;
/** A stream that was enabled is active within seconds (ms). */
const STREAM_MAX_MS = 60_000;
const STREAM_WAIT_MS = 500;

interface AdoptOptions {
  readonly member?: string;
  readonly check?: true;
  readonly enableStream?: true;
  readonly allowReaders?: true;
  readonly replicaNotEmpty?: true;
  readonly rate?: number;
  readonly prove: boolean;
  readonly restart?: true;
  readonly yes?: true;
}

/** syncline adopt TABLE */
export function registerAdopt(program: Command, run: Run, io: () => AdoptIo = adoptIo): void {
  program
    .command('adopt')
    .summary('make a table that exists the primary of a set')
    .description(
      'Takes a table that you have into a set, in steps; run it again after each. It looks at the table and says what stands in the way. It enables a stream only with --enable-stream. It says how to deploy the set with the table. Once that is deployed, it copies what the table holds to the replicas, beside live writes, after it has said what that reads, writes and costs; then it proves that each replica is equal. It never changes or replaces anything else of the table.',
    )
    .argument('<table>', 'name of the table')
    .option('--member <member>', 'the member that gets the table (default: the first region)')
    .option('--check', 'only look')
    .option('--enable-stream', 'enable a stream of new and old images where the table has none')
    .option('--allow-readers', 'bear that several other functions read its stream')
    .option('--replica-not-empty', 'go on although a replica holds items that Syncline did not write')
    .addOption(new Option('--rate <keys>', 'copy at most so many keys a second').argParser(rate))
    .option('--no-prove', 'do not compare both sides at the end (it reads all tables once more)')
    .option('--restart', 'copy everything again, whatever was copied before')
    .option('--yes', 'begin without asking')
    .addHelpText(
      'after',
      `
Examples:
  syncline adopt orders --set orders --regions eu-central-1,us-east-1 --check
  syncline adopt orders --set orders --regions eu-central-1,us-east-1 --enable-stream
  syncline adopt orders --set orders --regions eu-central-1,us-east-1 --rate 500 --yes`,
    )
    .action((table: string, own: AdoptOptions, command: Command) =>
      // It takes as long as the table is large; --timeout is for the look before.
      run(command, (session) => adopt(session, table, own, command.optsWithGlobals<{ keys?: string }>().keys !== undefined, io()), {
        account: 'not needed',
        time: 'open',
      }),
    );
}

function rate(text: string): number {
  const number = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || number <= 0 || number > RATE_MAX)
    throw new InvalidArgumentError(`It must be a number of keys a second, more than 0 and at most ${RATE_MAX}.`);
  return number;
}

async function adopt(first: Session, table: string, own: AdoptOptions, keyNamed: boolean, io: AdoptIo): Promise<number> {
  const { out } = first;
  const draft = own.member === undefined ? (first.config.members[0] as MemberConfig) : memberOption(first.config, own.member, '--member');
  const deployed = await deployedWith(first, draft, table);
  const session = deployed === undefined ? first : await sessionOf(first, deployed);
  const member = deployed === undefined ? draft : memberOption(deployed, draft.name, '--member');
  const port = io.connect(member.region, session.where.endpoints[member.region]);
  const look = (): ReturnType<typeof gatherAdopt> =>
    gatherAdopt(session, member, table, port, {
      allowReaders: own.allowReaders === true,
      ...((deployed !== undefined || keyNamed) && { key: keyOfSet(session.config) }),
      ...(own.rate !== undefined && { ratePerS: own.rate }),
    });

  let { facts, account } = await look();
  let findings = checkTable(facts);
  const unfit = (): boolean => findings.some((f) => f.level === 'fail');
  let enabled = false;
  if (facts.table.stream === undefined && own.enableStream === true && own.check !== true && !unfit()) {
    await located(session, member, () => port.enableStream(table));
    ({ facts, account } = await withStream(session, look));
    findings = checkTable(facts);
    enabled = true;
  }
  const again = (words = ''): string =>
    session.again(`adopt ${shellWord(table)}${own.member === undefined ? '' : ` --member ${shellWord(own.member)}`}${words}`);
  const base = { set: session.config.set, table, member: member.name, region: member.region, key: keysText(facts.table.key) };
  const { stream } = facts.table;
  const tell = (stage: Stage, more: object, text: string, next: readonly NextStep[]): void =>
    out.result(
      { ...base, stage, findings, ...(stream && { stream }), ...(enabled && { streamEnabled: true }), ...more },
      () => [findingsText(findings, out), ...(text === '' ? [] : [text]), ...nextText(next)].join('\n\n'),
      next,
    );

  if (unfit()) {
    tell('unfit', {}, 'The table cannot be adopted as it is. Nothing was changed.', [{ command: again(' --check'), why: 'Look again when it is mended.' }]);
    return EXIT.failed;
  }
  if (own.check === true) {
    tell('checked', { deployed: deployed !== undefined }, 'Nothing stands in the way. Nothing was changed.', [
      { command: again(stream === undefined ? ' --enable-stream' : ''), why: 'The next step.' },
    ]);
    return EXIT.ok;
  }
  if (stream === undefined) {
    tell('needs-stream', {}, 'The table needs a stream. Nothing was changed.', [
      { command: again(' --enable-stream'), why: 'It enables a stream of new and old images; nothing else is changed.' },
    ]);
    return EXIT.attention;
  }
  if (deployed === undefined) {
    const what: Deployable = {
      config: session.config,
      member: member.name,
      region: member.region,
      table,
      streamArn: stream.arn,
      key: facts.table.key,
      ...(account !== undefined && { account }),
      ...(facts.table.kms !== undefined && { keyArn: facts.table.kms.arn }),
    };
    const cdk = cdkLines(what);
    const text = `${enabled ? `A stream was enabled: ${stream.arn}\n\n` : ''}Deploy the set with the table. In an app of your own:\n\n${cdk}`;
    tell('needs-deployment', { cdk }, text, deploySteps(what, again()));
    return EXIT.ok;
  }
  if (!out.json) out.note(`${findingsText(findings, out)}\n`);
  const filled = await fill(
    session,
    member,
    facts,
    {
      prove: own.prove,
      restart: own.restart === true,
      yes: own.yes === true,
      replicaNotEmpty: own.replicaNotEmpty === true,
      ...(own.rate !== undefined && { rate: own.rate }),
    },
    io,
  );
  const after = (words: string): string => `${session.again(words)}${tablesOption(first.config, session.config)}`;
  return told(session, facts, filled, { base, findings, again, after });
}

/** Waits until the stream that was enabled can be seen. @throws CliError */
async function withStream<T extends { readonly facts: AdoptFacts }>(session: Session, look: () => Promise<T>): Promise<T> {
  const { runtime } = session;
  const until = runtime.clock.elapsed() + STREAM_MAX_MS;
  for (;;) {
    const found = await retried(runtime, until, look);
    if (found.facts.table.stream !== undefined && found.facts.table.status === 'ACTIVE') return found;
    if (runtime.clock.elapsed() >= until)
      throw new CliError(
        'failed',
        'stream-not-active',
        `The stream was asked for, but is not active after ${STREAM_MAX_MS / 1_000} s. Look again in a minute.`,
      );
    await runtime.clock.sleep(STREAM_WAIT_MS);
  }
}

const nextText = (next: readonly NextStep[]): readonly string[] =>
  next.length === 0 ? [] : [['Next:', ...next.map((n) => `  ${n.command}\n      ${n.why}`)].join('\n')];
