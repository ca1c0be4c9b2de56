import type { Command } from 'commander';
import { initSet } from '../../lib/replicate/init.ts';
import { allAnnounced, announce, announcedTable } from '../announce.ts';
import { EXIT } from '../errors.ts';
import { locatedTable } from '../located.ts';
import type { Run } from '../program.ts';
import { located, memberOption } from '../session.ts';

/** syncline init --primary MEMBER */
export function registerInit(program: Command, run: Run): void {
  program
    .command('init')
    .summary('give a new set its primary')
    .description(
      'Gives a newly deployed set its seats and links: epoch 1, one primary. May be repeated: what is there is kept. It tells each member the URLs of all APIs. It never moves a primary, and writes nothing when the set has another one.',
    )
    .requiredOption('--primary <member>', 'the member that accepts writes')
    .addHelpText(
      'after',
      `
Examples:
  syncline init --primary eu-central-1
  syncline init --set orders --regions eu-west-1,us-east-2 --keys orderId:S --primary eu-west-1`,
    )
    .action((own: { primary: string }, command: Command) =>
      run(command, async (session) => {
        const { config, out, runtime } = session;
        const primary = memberOption(config, own.primary, '--primary');
        const result = await located(session, primary, () => initSet(config, primary, (member) => locatedTable(session, member), runtime.clock.now()));
        // The URLs come after the seats, which hold them; a set whose APIs cannot be told of each other replicates all the same.
        const { announced } = await announce(session);
        const told = allAnnounced(announced);
        const next = [
          { command: session.again('status'), why: 'The first markers arrive within two minutes.' },
          ...(told ? [] : [{ command: session.again('endpoints --announce'), why: 'Not every member knows the URLs of the others yet.' }]),
        ];
        const text = (): string => {
          const fresh = result.members.some((m) => m.seat === 'written' || m.linksWritten > 0);
          const rows = result.members.map((m) => [m.name, m.seat, String(m.linksWritten)]);
          return `${fresh ? `The set "${config.set}" is initialised` : `The set "${config.set}" was initialised already`}: primary ${result.primary}.\n\n${out.table(['MEMBER', 'SEAT', 'LINKS WRITTEN'], rows, [2])}${told ? '' : `\n\n${announcedTable(announced, out)}\n\nTell them later with "syncline endpoints --announce".`}`;
        };
        out.result({ set: config.set, ...result, announced }, text, next);
        return EXIT.ok;
      }),
    );
}
