import { type NullRows, startNullEndpoint } from '../null-endpoint.ts';

/** The null endpoint as a process: its tables' rows come in the environment, its URL goes to the bench. */

const { url } = await startNullEndpoint(JSON.parse(process.env['BENCH_NULL_ROWS'] ?? '{}') as NullRows);
process.send?.({ url });
process.on('disconnect', () => process.exit(0));
