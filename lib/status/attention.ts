/** Something that a person should look at. */
export interface Attention {
  /** Stable code, e.g. "link-stalled". */
  readonly code: string;
  readonly member?: string;
  /** "source:target". */
  readonly link?: string;
  /** What is wrong and what to do. */
  readonly message: string;
}
