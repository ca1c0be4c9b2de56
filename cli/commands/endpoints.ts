import type { Command } from 'commander';
import { FUNCTIONS, memberNames } from '../../lib/core/names.ts';
import { memberContext } from '../../lib/replicate/context.ts';
import { retried } from '../../lib/replicate/retry.ts';
import { CliError, EXIT } from '../errors.ts';
import type { Run } from '../program.ts';
import { located, placeOf } from '../session.ts';

/** syncline endpoints */
export function registerEndpoints(program: Command, run: Run): void {
  program
    .command('endpoints')
    .summary('where everything is: URLs and names')
    .description('Shows for each member its region, endpoint, API URL, tables, queues, bucket, functions and stacks.')
    .addHelpText(
      'after',
      `
Examples:
  syncline endpoints
  syncline endpoints --json | jq -r '.members[] | select(.member == "us-east-1") | .apiUrl'`,
    )
    .action((_own: unknown, command: Command) =>
      run(command, async (session) => {
        const { config, out, runtime, until } = session;
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
        if (members.every((m) => m.apiUrl === null)) {
          const where = config.members.map((m) => placeOf(session, m)).join(', ');
          throw new CliError(
            'failed',
            'not-deployed',
            `The set "${config.set}" is not deployed: there is no API of it in ${where}. Check --set, --regions and --account; deploy with "npx cdk deploy --all".`,
          );
        }
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
