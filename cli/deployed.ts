import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import { keyAttributes } from '../lib/core/key.ts';
import { memberNames } from '../lib/core/names.ts';
import { CliError } from './errors.ts';
import type { Session } from './session.ts';
import { located, placeOf, readConfig } from './session.ts';

/**
 * Makes sure that this command and the deployed functions mean the same set. ⚠ A message that was sent into another
 * lane than fan-out uses for its key could overtake that key's changes.
 *
 * @returns the deployed configuration, which says more than a command line does. @throws CliError (usage) that names the difference.
 */
export async function checkDeployed(session: Session, member: MemberConfig): Promise<SetConfig> {
  const { config } = session;
  const fn = memberNames(config.set, member).fn('fanout');
  const text = await located(session, member, () => session.ports(member).stacks.deployedConfig(fn));
  const parsed = readConfig(text);
  if (parsed === undefined)
    throw new CliError(
      'failed',
      'not-deployed',
      `The function "${fn}" in ${placeOf(session, member)} has no readable SYNCLINE_CONFIG. Deploy the set "${config.set}" first.`,
    );
  const keys = (c: SetConfig): string =>
    keyAttributes(c.key as Parameters<typeof keyAttributes>[0])
      .map((a) => `${a.name}:${a.type}`)
      .join(',');
  const differences = [
    ...(parsed.lanes === config.lanes ? [] : [`lanes: deployed ${parsed.lanes}, here ${config.lanes} (--lanes ${parsed.lanes})`]),
    ...(keys(parsed) === keys(config) ? [] : [`keys: deployed ${keys(parsed)}, here ${keys(config)} (--keys ${keys(parsed)})`]),
  ];
  if (differences.length > 0)
    throw new CliError(
      'usage',
      'config-mismatch',
      `The deployed set "${config.set}" is another than the one named here; nothing was sent.\n${differences.join('\n')}`,
    );
  return parsed;
}
