import type { AdoptFacts } from '../lib/adopt/check.ts';
import type { AdoptProof } from '../lib/adopt/proof.ts';
import type { SetConfig } from '../lib/core/config.ts';
import { memberNames } from '../lib/core/names.ts';
import type { Finding } from '../lib/doctor/facts.ts';
import type { Filled } from './adopt-fill.ts';
import { schemaOf } from './adopt-gather.ts';
import { filledText } from './adopt-show.ts';
import { EXIT } from './errors.ts';
import type { NextStep } from './next-steps.ts';
import { shellWord } from './next-steps.ts';
import type { Session } from './session.ts';

/** How far a table is on its way into a set. */
export type Stage = 'unfit' | 'checked' | 'needs-stream' | 'needs-deployment' | 'declined' | 'interrupted' | 'adopted';

/** The option that names adopted tables to other commands, unless they know them by themselves. Pure. */
export function tablesOption(known: SetConfig, deployed: SetConfig): string {
  const names = deployed.members.filter((m) => m.items !== memberNames(deployed.set, m).items).map((m) => `${m.region}=${m.items}`);
  const isKnown = deployed.members.every((m) => known.members.find((k) => k.name === m.name)?.items === m.items);
  return isKnown ? '' : ` --tables ${shellWord(names.join(','))}`;
}

/** Tells what became of the backfill; gives the exit code. */
export function told(
  session: Session,
  facts: AdoptFacts,
  filled: Filled,
  said: {
    readonly base: object;
    readonly findings: readonly Finding[];
    readonly again: (words?: string) => string;
    readonly after: (words: string) => string;
  },
): number {
  const { base, findings, again, after } = said;
  const { out } = session;
  const stage: Stage = filled.done === 'declined' ? 'declined' : filled.done === 'run' && !isDone(filled) ? 'interrupted' : 'adopted';
  const proof = filled.done === 'declined' ? undefined : filled.proof;
  const wrong = stage === 'adopted' ? [...(filled.done === 'run' ? attentionOf(filled) : []), ...attentionOfProof(proof)] : [];
  const next: NextStep[] =
    stage === 'adopted'
      ? [
          { command: after('status'), why: 'It shows that changes travel.' },
          ...(wrong.includes('refused') ? [{ command: after('refused list'), why: 'It lists the keys that a member cannot take, with the reasons.' }] : []),
          ...(wrong.includes('old-items')
            ? [
                {
                  command: after('prove --all --allow-deletes'),
                  why: 'It makes the replicas equal: what only they have is deleted there. Look at it first: "check".',
                },
              ]
            : wrong.includes('not-proven')
              ? [{ command: again(), why: 'It compares again what is not proven yet.' }]
              : []),
        ]
      : [{ command: again(), why: 'It goes on where it was.' }];
  const document = {
    ...base,
    stage,
    findings,
    stream: facts.table.stream,
    ...(filled.done !== 'before' && { plan: filled.plan }),
    ...(filled.done === 'before' && { before: { keys: filled.job.keys, done: filled.job.done } }),
    ...(filled.done === 'run' && { result: resultOf(filled) }),
    ...(proof !== undefined && { proof }),
    ...(filled.done !== 'declined' && { attention: wrong }),
  };
  out.result(document, () => filledText(filled, schemaOf(facts.table.key), out), next);
  if (stage === 'adopted') return wrong.length > 0 ? EXIT.attention : EXIT.ok;
  return EXIT.attention;
}

type Ran = Extract<Filled, { done: 'run' }>;

const isDone = ({ result }: Ran): boolean => result.ended === undefined && result.settled?.ended === undefined;

/** What needs a person's eye after a backfill that came to its end. */
function attentionOf({ result: { job, settled } }: Ran): readonly ('refused' | 'dead-letters' | 'foreign-attribute')[] {
  const links = settled?.links ?? [];
  return [
    ...(links.some((l) => l.refused.length > 0) ? (['refused'] as const) : []),
    ...(links.some((l) => l.deadLetters > 0) ? (['dead-letters'] as const) : []),
    ...(job.foreign > 0 ? (['foreign-attribute'] as const) : []),
  ];
}

/** What needs a person's eye after a proof. */
function attentionOfProof(proof: AdoptProof | undefined): readonly ('not-proven' | 'old-items')[] {
  const links = proof?.links ?? [];
  return [
    ...(links.some(({ proven }) => proven === undefined) ? (['not-proven'] as const) : []),
    ...(links.some(({ held }) => held > 0) ? (['old-items'] as const) : []),
  ];
}

function resultOf({ result: { job, resumed, ended, settled } }: Ran): object {
  return {
    keys: job.keys,
    workedMs: job.worked,
    ...(job.worked > 0 && { keysPerS: Math.round((job.keys * 1_000) / job.worked) }),
    resumed,
    ...(ended !== undefined && { ended }),
    ...(job.done !== undefined && { done: job.done }),
    foreign: job.foreign,
    foreignKeys: job.foreignKeys,
    ...(settled !== undefined && {
      ...(settled.stuck !== undefined && { stuck: settled.stuck }),
      links: settled.links.map(({ refused, ...link }) => ({
        ...link,
        refused: refused.length,
        refusedKeys: refused.map((r) => ({ key: r.key, reason: r.reason })),
      })),
    }),
  };
}
