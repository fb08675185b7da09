/**
 * Filters of the List calls: values inside one filter are alternatives, filters must all hold, and an
 * empty filter holds for everything.
 */
import type { ObjectKind, Objects, View } from '@swarmkit/sdk/contracts/store';
import type { TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';

export const anyOf = <T>(wanted: readonly T[] | undefined, value: T): boolean =>
  wanted === undefined || wanted.length === 0 || wanted.includes(value);

export const anyPrefixOf = (prefixes: readonly string[] | undefined, value: string): boolean =>
  prefixes === undefined ||
  prefixes.length === 0 ||
  prefixes.some((prefix) => value.startsWith(prefix));

type Labels = Readonly<Record<string, string>>;

/** All of them; an empty value asks for the key alone. */
export const hasLabels = (wanted: Labels | undefined, labels: Labels | undefined): boolean =>
  Object.entries(wanted ?? {}).every(
    ([key, value]) =>
      labels !== undefined && Object.hasOwn(labels, key) && (value === '' || value === labels[key]),
  );

/** As filters call it: `container`, `attachment`, or the generic runtime's kind. */
export function runtimeName(task: TaskSpec | undefined): string {
  const runtime = task?.runtime;
  if (runtime === undefined) return '';
  return runtime.$case === 'generic' ? runtime.value.kind.toLowerCase() : runtime.$case;
}

export interface NameFilters {
  readonly names: readonly string[];
  readonly idPrefixes: readonly string[];
  readonly namePrefixes: readonly string[];
}

/**
 * Objects that may pass the filters, each once: found by an index where one filter allows it, else all.
 * The filters are still to be asked: the index of names knows no upper and lower case.
 */
export function candidates<K extends ObjectKind>(
  view: View,
  kind: K,
  filters: NameFilters | undefined,
): readonly Objects[K][] {
  if (filters !== undefined && filters.names.length > 0)
    return unique(filters.names.flatMap((value) => view.find(kind, { by: 'name', value })));
  if (filters !== undefined && filters.idPrefixes.length > 0)
    return unique(filters.idPrefixes.flatMap((value) => withIdPrefix(view, kind, value)));
  return view.find(kind, { by: 'all' });
}

/** Most prefixes are whole ids, and nothing else can begin with one of those. */
function withIdPrefix<K extends ObjectKind>(
  view: View,
  kind: K,
  prefix: string,
): readonly Objects[K][] {
  const exact = prefix.length === idLength ? view.get(kind, prefix) : undefined;
  return exact === undefined ? view.find(kind, { by: 'idPrefix', value: prefix }) : [exact];
}
const idLength = 25;

export const unique = <T extends { readonly id: string }>(objects: readonly T[]): readonly T[] => [
  ...new Map(objects.map((object) => [object.id, object])).values(),
];

/** Answers are in the order of ids. */
export const inIdOrder = <T extends { readonly id: string }>(objects: readonly T[]): T[] =>
  [...objects].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
