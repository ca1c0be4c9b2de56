import { SynclineClient } from 'syncline/client';

/** A user's program: writes an item in one region and reads it in the other. Prints what came of it, as JSON. */
const [europe = '', america = ''] = process.argv.slice(2);
const credentials = async () => ({ accessKeyId: 'local', secretAccessKey: 'local' });

const writer = new SynclineClient({ endpoints: [europe], auth: { type: 'iam', credentials, region: 'eu-central-1' } });
const written = await writer.put({ id: 'a/ü', note: 'from a package', count: 3 });
if (written.revision === undefined) throw new Error('A write through the API has a revision.');
// @ts-expect-error A mistake in an option is found by the types of the package.
export const mistake = (): unknown => new SynclineClient({ endpoints: [europe], auth: { type: 'none' } });

const reader = new SynclineClient({ endpoints: [america], auth: { type: 'iam', credentials, region: 'us-east-1' } });
const read = await reader.get({ id: 'a/ü' }, { consistency: { atLeast: written.revision } });
process.stdout.write(JSON.stringify({ created: written.created, item: read.item, member: read.member }));
