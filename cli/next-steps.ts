import type { Attention } from '../lib/status/attention.ts';
import type { SetStatus } from '../lib/status/judge.ts';

/** What a person or a program may do next. `command` can be pasted into a shell as it is, but for words in capitals. */
export interface NextStep {
  readonly command: string;
  readonly why: string;
}

/** Gives a whole command line for "status --all" and the like: with the options by which the user named the set and the place. */
export type Again = (words: string) => string;

/** Options that say which set and where; a following command needs the same. */
export interface PlaceOptions {
  readonly set?: string;
  readonly regions?: string;
  readonly account?: string;
  readonly accounts?: string;
  readonly tables?: string;
  readonly keys?: string;
  readonly lanes?: string;
  readonly endpoint?: readonly string[];
  readonly aws?: boolean;
}

const PLAIN_WORD = /^[\w@%+=:,./-]+$/;

/** A word as a POSIX shell takes it. Pure. */
export const shellWord = (word: string): string => (PLAIN_WORD.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** Makes the following command lines of one call. Pure. */
export function againWith(options: PlaceOptions): Again {
  const flags = (['set', 'regions', 'account', 'accounts', 'tables', 'keys', 'lanes'] as const).flatMap((name) => {
    const value = options[name];
    return value === undefined ? [] : [`--${name}`, shellWord(value)];
  });
  const places = (options.endpoint ?? []).flatMap((e) => ['--endpoint', shellWord(e)]);
  const tail = [...flags, ...places, ...(options.aws === true ? ['--aws'] : [])];
  return (words) => ['syncline', words, ...tail].join(' ');
}

/** How a set is deployed. */
const deploy = (local: boolean): string => (local ? 'npm run local -- deploy' : 'npx cdk deploy --all');

/** What follows from a failure, by its code. Pure. @param local the command talked to a local cloud. */
export function errorSteps(code: string, again: Again, local: boolean): readonly NextStep[] {
  switch (code) {
    case 'not-deployed':
      return [
        { command: deploy(local), why: 'The set is not deployed.' },
        { command: again('doctor'), why: 'It says what would stop a deployment.' },
      ];
    case 'not-initialised':
      return [{ command: again('init --primary MEMBER'), why: 'No member has a seat yet.' }];
    case 'no-credentials':
      return [{ command: 'aws sso login', why: 'AWS credentials are missing or expired.' }];
    case 'denied':
      return [{ command: again('doctor'), why: 'It says which account the credentials are of.' }];
    case 'unreachable':
      return local
        ? [{ command: 'npm run local -- up', why: 'No local cloud answers.' }]
        : [{ command: again('status'), why: 'It shows the members that do answer.' }];
    case 'no-primary':
    case 'has-primary':
    case 'foreign-table':
    case 'config-mismatch':
      return [{ command: again('status'), why: 'It shows each member’s seat.' }];
    case 'archive-damaged':
      return [{ command: again('archive verify'), why: 'It says what else is damaged, and what can be done.' }];
    case 'no-base':
      return [{ command: again('check --sweep'), why: 'It reads the tables once; each later check may go by the logs.' }];
    case 'unknown-check':
      return [{ command: again('check --list'), why: 'It lists the checks there were.' }];
    case 'unknown-orphan':
      return [{ command: again('orphans list --state all'), why: 'It lists the orphans there are, with their ids.' }];
    case 'changed-since':
      return [{ command: again('orphans list'), why: 'The orphan is still open: "orphans show ID" has what the primary holds now.' }];
    case 'no-such-letter':
      return [{ command: again('dlq list'), why: 'It lists the dead letters that can be seen now.' }];
    case 'unknown-member':
    case 'unknown-region':
      return [{ command: again('endpoints'), why: 'It lists the members.' }];
    default:
      return [];
  }
}

/** What follows from a set's state: one step for each kind of trouble. Pure. */
export function statusSteps(status: SetStatus, again: Again, local: boolean): readonly NextStep[] {
  const steps = new Map<string, NextStep>();
  for (const a of status.attention) for (const step of attentionSteps(a, status, again, local)) steps.set(step.command, step);
  return [...steps.values()];
}

function attentionSteps(a: Attention, status: SetStatus, again: Again, local: boolean): readonly NextStep[] {
  switch (a.code) {
    case 'not-initialised':
      return [{ command: again('init --primary MEMBER'), why: 'No member has a seat yet, so nothing is replicated.' }];
    case 'no-seat':
      return [{ command: again(`init --primary ${status.primary?.member ?? 'MEMBER'}`), why: `${a.member ?? 'A member'} has no seat.` }];
    case 'not-deployed':
      return [{ command: deploy(local), why: `${a.member ?? 'A member'} is not deployed.` }];
    case 'dead-letters':
      return [
        { command: again(`dlq list --link ${a.link ?? 'SOURCE:TARGET'}`), why: 'It shows the dead letters and their reasons.' },
        { command: again(`dlq redrive --link ${a.link ?? 'SOURCE:TARGET'}`), why: 'It turns them into resyncs now, without waiting for the minute’s run.' },
      ];
    case 'archive-damaged':
      return [
        {
          command: again(`archive verify${a.member === undefined ? '' : ` --member ${a.member}`}`),
          why: 'It says what is missing or damaged, and what can be done.',
        },
      ];
    case 'archive-behind':
      return [{ command: again('archive status'), why: 'It says which times can be restored.' }];
    case 'refused':
      return [{ command: again('refused list'), why: 'It lists the keys that a member cannot take, with the reasons.' }];
    case 'divergence':
      return [
        { command: again('check --repair'), why: 'It looks again, repairs what differs, and verifies it.' },
        { command: again('check --list'), why: 'It lists the checks there were; --show ID shows what one found.' },
      ];
    case 'deletes-held':
      return [{ command: again('check --repair --allow-deletes'), why: 'It lets the repair delete what only a replica has.' }];
    case 'proof-old':
    case 'log-gap':
      return [{ command: again('check --sweep'), why: 'It compares the tables themselves, and the standing proof rests on its scans from then on.' }];
    case 'log-audit':
      return [{ command: again(`archive verify${a.member === undefined ? '' : ` --member ${a.member}`}`), why: 'It says whether the log lacks a change.' }];
    case 'unread':
    case 'unreachable':
    case 'no-stream':
    case 'foreign-stream':
    case 'foreign-table':
      return [{ command: again('doctor'), why: 'It looks at tables, streams, credentials and stacks of each member.' }];
    default:
      return [];
  }
}
