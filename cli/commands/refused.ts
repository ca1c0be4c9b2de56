import type { Command } from 'commander';
import type { MemberConfig } from '../../lib/core/config.ts';
import { showPosition } from '../../lib/core/formats/position.ts';
import { memberNames } from '../../lib/core/names.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import { retried } from '../../lib/replicate/retry.ts';
import { readRefused } from '../../lib/status/gather.ts';
import { ago } from '../../lib/status/span.ts';
import { EXIT } from '../errors.ts';
import { showKey } from '../keys.ts';
import { shellWord } from '../next-steps.ts';
import { printable } from '../output.ts';
import type { Run } from '../program.ts';
import { linkOption, located, memberOf } from '../session.ts';

/** syncline refused list */
export function registerRefused(program: Command, run: Run): void {
  const refused = program
    .command('refused')
    .summary('keys that a member can never take as they are')
    .description('Keys that a member can never take as they are, with the reason. They are tried again each hour, and removed when they are equal.');
  refused
    .command('list')
    .summary('list them')
    .description('Lists the refused keys of all members, or of one link. Ends with 3 when there are any.')
    .option('--link <source:target>', 'only what came over this link')
    .addHelpText(
      'after',
      `
Examples:
  syncline refused list
  syncline refused list --link eu-central-1:us-east-1 --json`,
    )
    .action((own: { link?: string }, command: Command) =>
      run(command, async (session) => {
        const { config, out, runtime, until } = session;
        const link = own.link === undefined ? undefined : linkOption(config, own.link);
        const members = link === undefined ? config.members : [memberOf(session, link.target)];
        const read = await Promise.all(
          members.map((member: MemberConfig) =>
            located(session, member, () => retried(runtime, until, () => readRefused(session.ports(member).table, memberNames(config.set, member).control))),
          ),
        );
        const key = memberContext(config, members[0] as MemberConfig).key;
        const rows = read.flatMap(({ refused: found }, i) =>
          found
            .filter((r) => link === undefined || r.link === link.source)
            .map((r) => ({
              member: (members[i] as MemberConfig).name,
              link: `${r.link}:${(members[i] as MemberConfig).name}`,
              key: r.key,
              reason: r.reason,
              position: showPosition(r.position),
              since: r.since,
              tried: r.tried,
            })),
        );
        const more = read.some((r) => r.more);
        const text = (): string => {
          if (rows.length === 0) return 'No refused keys.';
          const now = runtime.clock.now();
          const table = out.table(
            ['LINK', 'KEY', 'SINCE', 'TRIED', 'REASON'],
            rows.map((r) => [
              r.link.replace(':', ' → '),
              printable(showKey(r.key, key)),
              `${ago(now, r.since)} ago`,
              `${ago(now, r.tried)} ago`,
              printable(r.reason),
            ]),
          );
          return more ? `${table}\n\nThere are more than are shown.` : table;
        };
        const next = rows.slice(0, 1).map((r) => ({
          command: session.again(`resync ${shellWord(showKey(r.key, key))} --wait`),
          why: 'After the item was changed so that the member can take it.',
        }));
        out.result({ set: config.set, refused: rows, more }, text, next);
        return rows.length > 0 ? EXIT.attention : EXIT.ok;
      }),
    );
}
