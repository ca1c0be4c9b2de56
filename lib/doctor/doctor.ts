import { checkBootstrap, checkClock, checkConcurrency, checkCredentials } from './account.ts';
import type { DoctorFacts, Finding, Level, MemberDoctorFacts } from './facts.ts';
import { unseen } from './facts.ts';
import { checkReaders, checkStacks } from './stack.ts';
import { checkItems, checkTtl, checkWarmth } from './table.ts';

/** All checks of a set, the set's own last. Pure. */
export function examine(facts: DoctorFacts): readonly Finding[] {
  const each = facts.members.flatMap((m) => {
    const credentials = checkCredentials(m, facts.local);
    // Nothing else can be seen without credentials: one finding says it.
    if (credentials.level === 'fail' && !m.identity.seen) return [credentials];
    return [
      credentials,
      ...checkClock(m),
      checkBootstrap(m),
      checkConcurrency(m),
      ...checkItems(m, facts),
      ...ownTables(m),
      ...checkReaders(m),
      ...checkStacks(m),
    ];
  });
  return [...each, ...checkTtl(facts), ...checkWarmth(facts)];
}

/** The tables beside the items: said only when something is wrong with them. */
function ownTables(m: MemberDoctorFacts): Finding[] {
  return (['tombstones', 'control'] as const).flatMap((name): Finding[] => {
    const fact = m[name];
    if (!fact.seen) return [unseen('table', m.member, `The table of ${name}`, fact.why)];
    const table = fact.value;
    if (table === undefined) {
      if (!m.items.seen || m.items.value === undefined || !isDeployed(m)) return [];
      return [
        {
          check: 'table',
          member: m.member,
          level: 'fail',
          message: `The table of ${name} is missing, while the stacks are deployed.`,
          todo: 'Deploy again; never restore "control" from a backup.',
        },
      ];
    }
    if (table.status === 'ACTIVE' || table.status === 'UPDATING') return [];
    return [{ check: 'table', member: m.member, level: 'fail', message: `The table of ${name} is ${table.status}.`, todo: 'See the DynamoDB console.' }];
  });
}

const isDeployed = (m: MemberDoctorFacts): boolean => m.stacks.some(({ facts }) => facts.seen && facts.value !== undefined);

/** The worst of all findings. */
export function worst(findings: readonly Finding[]): Level {
  if (findings.some((f) => f.level === 'fail')) return 'fail';
  return findings.some((f) => f.level === 'warn') ? 'warn' : 'ok';
}
