import type { Command } from 'commander';
import type { AdoptIo } from '../adopt-io.ts';
import { adoptIo } from '../adopt-io.ts';
import type { MemberArchive } from '../archive-place.ts';
import { archiveMember, archiveOf } from '../archive-place.ts';
import type { Lack } from '../archive-status.ts';
import { summaryDocument, summaryOf, summaryText } from '../archive-status.ts';
import type { Verification } from '../archive-verify.ts';
import { verificationText, verifyMember } from '../archive-verify.ts';
import { codeOf, each, failed, isFailed } from '../each-member.ts';
import type { NextStep } from '../next-steps.ts';
import { printable } from '../output.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';

const ALL = 'all';
const MEMBER = ['--member <name>', 'whose archive, or "all" (default: the primary’s)'] as const;

/** syncline archive status | verify */
export function registerArchive(program: Command, run: Run, io: () => Pick<AdoptIo, 'stream'> = adoptIo): void {
  const archive = program
    .command('archive')
    .summary('what the archive holds, and whether it is whole')
    .description('What the archives of the members hold, and whether they are whole.');
  archive
    .command('status')
    .summary('which times can be restored, sizes, cost')
    .description(
      'Shows which times can be restored, up to when the log is complete, how large log and snapshots are, what that costs a month, and when it was last verified. What a time can really be restored to, a restore checks. Ends with 3 when there is nothing that could be restored.',
    )
    .option(...MEMBER)
    .addHelpText('after', "\nExamples:\n  syncline archive status\n  syncline archive status --member all --json | jq '.archives[] | {member, restorable}'")
    .action((own: { member?: string }, command: Command) => run(command, (session) => status(session, own.member)));
  archive
    .command('verify')
    .summary('read it, and say what is missing or damaged')
    .description(
      'Verifies an archive: that the segments of the log follow one another without a gap, that footers, roll-ups and the manifests of snapshots are whole, and with --deep that every byte is what was written. The report is stored, and "status" shows its age. Ends with 3 when anything was found.',
    )
    .option(...MEMBER)
    .option('--deep', 'read every byte; without it a few KB of each object')
    .addHelpText(
      'after',
      "\nExamples:\n  syncline archive verify\n  syncline archive verify --deep --member all\n  syncline archive verify --json | jq '.archives[].findings[]'",
    )
    .action((own: { member?: string; deep?: true }, command: Command) =>
      // It takes as long as the archive is large.
      run(command, (session) => verify(session, own.member, own.deep === true, io()), { time: 'open' }),
    );
}

async function archivesOf(session: Session, member: string | undefined): Promise<MemberArchive[]> {
  const members = member === ALL ? session.config.members : [await archiveMember(session, member)];
  return members.map((m) => archiveOf(session, m));
}

async function status(session: Session, member: string | undefined): Promise<number> {
  const { out, runtime, config, again } = session;
  const outcomes = await each(await archivesOf(session, member), (archive) => summaryOf(session, archive));
  const text = (): string =>
    outcomes
      .map((o) => (isFailed(o) ? `${o.member}: ${out.style('red', printable(o.error.message))}` : summaryText(o.value, runtime.clock.now(), out)))
      .join('\n\n');
  const bare = outcomes.filter((o) => !isFailed(o) && o.value.restorable.length === 0);
  const steps: NextStep[] = bare.flatMap((o) => (isFailed(o) || o.value.lack === undefined ? [] : [stepOf(o.member, o.value.lack, again)]));
  out.result({ set: config.set, archives: outcomes.map((o) => (isFailed(o) ? failed(o) : summaryDocument(o.value))) }, text, steps);
  return codeOf(outcomes, bare.length > 0);
}

function stepOf(member: string, { reason }: Lack, again: (command: string) => string): NextStep {
  if (reason === 'not-yet')
    return { command: again(`archive status --member ${member}`), why: 'In a minute or two the log reaches to the end of the snapshot.' };
  return {
    command: again(`snapshot --member ${member}`),
    why: 'A restore begins with a snapshot, and the log must be whole from its start on: a new one begins a new range.',
  };
}

async function verify(session: Session, member: string | undefined, deep: boolean, { stream }: Pick<AdoptIo, 'stream'>): Promise<number> {
  const { out, config, again } = session;
  const archives = await archivesOf(session, member);
  const outcomes = await each(archives, (archive) => verifyMember(session, archive, deep, stream));
  const bucketOf = (name: string): string => archives.find((a) => a.member.name === name)?.place.bucket ?? '';
  const text = (): string =>
    outcomes
      .map((o) => (isFailed(o) ? `${o.member}: ${out.style('red', printable(o.error.message))}` : verificationText(o.value, bucketOf(o.member), out)))
      .join('\n\n');
  const document = (o: Verification): object => ({ member: o.member, ...o.report, ...(o.stored !== undefined && { stored: o.stored }) });
  const found = outcomes.some((o) => !isFailed(o) && o.value.report.found > 0);
  const steps: NextStep[] = found ? [{ command: again('archive status'), why: 'It says which times can still be restored.' }] : [];
  out.result({ set: config.set, archives: outcomes.map((o) => (isFailed(o) ? failed(o) : document(o.value))) }, text, steps);
  return codeOf(outcomes, found);
}
