import type { Command } from 'commander';
import { FUNCTIONS, memberNames } from '../../lib/core/names.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import { retried } from '../../lib/replicate/retry.ts';
import { allAnnounced, announce, announcedTable } from '../announce.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Run } from '../program.ts';
import type { Session } from '../session.ts';
import { located, placeOf } from '../session.ts';

/** syncline endpoints */
export function registerEndpoints(program: Command, run: Run): void {
  program
    .command('endpoints')
    .summary('where everything is: URLs and names')
    .description(
      'Shows for each member its region, endpoint, API URL, tables, queues, bucket, functions and stacks. With --announce, the URLs are written into the seats of all members, where the APIs find them.',
    )
    .option('--announce', 'write the API URLs into the seats; ends with 3 when a member could not be told')
    .addHelpText(
      'after',
      `
Examples:
  syncline endpoints
  syncline endpoints --announce
  syncline endpoints --json | jq -r '.members[] | select(.member == "us-east-1") | .apiUrl'`,
    )
    .action((own: { announce?: true }, command: Command) =>
      run(command, async (session) => {
        const { config, out, runtime, until } = session;
        if (own.announce === true) {
          const { announced, found } = await announce(session);
          if (found === 0) throw notDeployed(session);
          const done = allAnnounced(announced);
          const without = announced.some((a) => a.done === 'no-seat');
          const next = without ? [{ command: session.again('init --primary MEMBER'), why: 'A member has no seat yet.' }] : [];
          out.result({ set: config.set, announced }, () => announcedTable(announced, out), next);
          return done ? EXIT.ok : EXIT.attention;
        }
        const members = await Promise.all(
          config.members.map(async (member) => {
            const names = memberNames(config.set, member);
            const apiUrl = await located(session, member, () => retried(runtime, until, () => session.ports(member).stacks.apiUrl(names.appStack)));
            const { links } = memberContext(config, member);
            return {
              member: member.name,
              region: member.region,
              account: member.account,
              endpoint: session.where.endpoints[member.region] ?? null,
              apiUrl: apiUrl ?? null,
              tables: { items: member.items, tombstones: names.tombstones, control: names.control },
              queues: Object.fromEntries(links.map((l) => [l.target, { url: l.queueUrl, dlqUrl: l.dlqUrl }])),
              bucket: names.bucket,
              functions: Object.fromEntries(FUNCTIONS.map((f) => [f, names.fn(f)])),
              stacks: { data: names.dataStack, app: names.appStack },
            };
          }),
        );
        // Names can be computed of any set; a set of which nothing is there is a mistake in the command line.
        if (members.every((m) => m.apiUrl === null)) throw notDeployed(session);
        out.result({ set: config.set, members }, () =>
          members
            .map((m) => {
              const rows: [string, string][] = [
                ['region', m.region],
                ['account', m.account],
                ['endpoint', m.endpoint ?? 'AWS'],
                ['API', m.apiUrl ?? 'none (is the App stack deployed?)'],
                ['items', m.tables.items],
                ['tombstones', m.tables.tombstones],
                ['control', m.tables.control],
                ['bucket', m.bucket],
                ...Object.entries(m.queues).flatMap(([target, q]): [string, string][] => [
                  [`queue → ${target}`, q.url],
                  ['  dead letters', q.dlqUrl],
                ]),
              ];
              const width = Math.max(...rows.map(([name]) => name.length));
              return `${out.style('bold', m.member)}\n${rows.map(([name, value]) => `  ${out.style('dim', name.padEnd(width))}  ${value}`).join('\n')}`;
            })
            .join('\n\n'),
        );
        return EXIT.ok;
      }),
    );
}

function notDeployed(session: Session): CliError {
  const where = session.config.members.map((m) => placeOf(session, m)).join(', ');
  return new CliError(
    'failed',
    'not-deployed',
    `The set "${session.config.set}" is not deployed: there is no API of it in ${where}. Check --set, --regions and --account; deploy with "npx cdk deploy --all".`,
  );
}
