/** The part of cli-progress that is used here; the package brings no types. */
declare module 'cli-progress' {
  export interface Options {
    readonly format: string;
    readonly stream: NodeJS.WritableStream;
    readonly hideCursor?: boolean;
    readonly clearOnComplete?: boolean;
    readonly barsize?: number;
    readonly fps?: number;
    readonly noTTYOutput?: boolean;
    readonly barCompleteChar?: string;
    readonly barIncompleteChar?: string;
    /** Whether SIGINT and SIGTERM are caught for the cursor's sake. */
    readonly gracefulExit?: boolean;
  }
  export class SingleBar {
    constructor(options: Options);
    start(total: number, startValue: number, payload?: object): void;
    update(value: number, payload?: object): void;
    setTotal(total: number): void;
    stop(): void;
  }
}
