import type { Command } from 'commander';
import { examine, worst } from '../../lib/doctor/doctor.ts';
import type { Finding, Level } from '../../lib/doctor/facts.ts';
import { gatherFacts } from '../doctor/gather.ts';
import { EXIT } from '../errors.ts';
import type { NextStep } from '../next-steps.ts';
import type { Output, Style } from '../output.ts';
import { count, printable } from '../output.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';

/** syncline doctor */
export function registerDoctor(program: Command, run: Run): void {
  program
    .command('doctor')
    .summary('what would stop a deployment, or hurt later')
    .description(
      'Looks at credentials, clock, bootstrap, Lambda’s concurrency, tables, streams and their readers, TTL, keys, capacity and stacks, in all regions. Works before a deployment, too. It changes nothing. Ends with 1 when something fails, with 3 when something is to be looked at.',
    )
    .option('--all', 'show what is fine, too')
    .addHelpText(
      'after',
      `
Examples:
  syncline doctor
  syncline doctor --set orders --regions eu-west-1,us-east-2 --keys orderId:S --aws
  syncline doctor --json | jq '.findings[] | select(.level != "ok")'`,
    )
    .action((own: { all?: true }, command: Command) => run(command, (session) => doctor(session, own.all === true), { account: 'not needed' }));
}

async function doctor(session: Session, all: boolean): Promise<number> {
  const { out } = session;
  const facts = await gatherFacts(session);
  const findings = examine(facts);
  const level = worst(findings);
  const counts = { ok: number(findings, 'ok'), warn: number(findings, 'warn'), fail: number(findings, 'fail') };
  const deployed = facts.members.every((m) => m.stacks.every(({ facts: f }) => f.seen && f.value !== undefined));
  out.result(
    { set: facts.set, level, counts, deployed, findings },
    () => text(findings, counts, deployed, all, out),
    steps(session, findings, level, deployed),
  );
  return level === 'fail' ? EXIT.failed : level === 'warn' ? EXIT.attention : EXIT.ok;
}

const number = (findings: readonly Finding[], level: Level): number => findings.filter((f) => f.level === level).length;

function steps(session: Session, findings: readonly Finding[], level: Level, deployed: boolean): readonly NextStep[] {
  const bootstrap = findings
    .filter((f) => f.check === 'bootstrap' && f.level === 'fail')
    .flatMap((f) => (f.todo === undefined ? [] : [{ command: f.todo, why: f.message }]));
  if (bootstrap.length > 0) return bootstrap;
  if (level === 'fail') return [];
  if (!deployed)
    return [{ command: session.where.local ? 'npm run local -- deploy' : 'npx cdk deploy --all', why: 'Nothing stands in the way of a deployment.' }];
  return [{ command: session.again('status'), why: 'The set is deployed: it says how it does.' }];
}

const STYLE: Readonly<Record<Level, Style>> = { ok: 'green', warn: 'yellow', fail: 'red' };
const ORDER: Readonly<Record<Level, number>> = { fail: 0, warn: 1, ok: 2 };

function text(findings: readonly Finding[], counts: Readonly<Record<Level, number>>, deployed: boolean, all: boolean, out: Output): string {
  const shown = findings.filter((f) => all || f.level !== 'ok').sort((a, b) => ORDER[a.level] - ORDER[b.level]);
  const rows = shown.map((f) => [
    out.style(STYLE[f.level], f.level),
    f.check,
    f.member ?? 'all',
    printable(f.todo === undefined ? f.message : `${f.message} → ${f.todo}`),
  ]);
  const sum = `${count(counts.fail)} failed, ${count(counts.warn)} to look at, ${count(counts.ok)} fine${all || counts.ok === 0 ? '' : ' (--all shows them)'}.${deployed || counts.fail > 0 ? '' : ' Not all stacks are deployed yet; nothing stands in the way.'}`;
  return rows.length === 0 ? sum : `${out.table(['', 'CHECK', 'MEMBER', 'WHAT'], rows)}\n\n${sum}`;
}
