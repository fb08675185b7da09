/** What templates calculate with; the kinds of Go that matter to them. */
export type Value =
  | string
  | boolean
  | bigint
  | number
  | undefined
  | readonly Value[]
  | ReadonlyMap<string, Value>
  | Struct;

/** Fields that are known beforehand: a wrong one is a mistake, where a map's key may be missing. */
export class Struct {
  constructor(
    /** As Go would name it in messages: `template.Context`. */
    readonly type: string,
    readonly fields: Readonly<Record<string, Value>>,
  ) {}
}
