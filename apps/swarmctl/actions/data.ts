/** What commands do with secrets and configs, but for their rotation. */
import { eachOf } from '../each-of.js';
import { fields, labelText } from '../output/fields.js';
import { jsonOf } from '../output/json.js';
import { oneLine, table } from '../output/table.js';
import { ago } from '../output/time.js';
import type { Session } from '../session.js';
import { pairs, usage } from '../spec/units.js';
import { pointerOf, versionOf } from '../spec/versions.js';
import { access, type DataKind, type DataObject } from './data-kinds.js';

export interface DataFlags {
  readonly label?: readonly string[];
  readonly driver?: string;
  readonly templateDriver?: string;
}

export async function createData(
  session: Session,
  kind: DataKind,
  name: string,
  file: string | undefined,
  { label, driver, templateDriver }: DataFlags,
): Promise<void> {
  if (driver === undefined && file === undefined)
    throw usage(`${kind} create needs its data: swarmctl ${kind} create NAME FILE, or - for stdin`);
  if (driver !== undefined && file !== undefined)
    throw usage('a secret of a driver has no data of its own: name a driver or a file');
  const data = file === undefined ? Buffer.alloc(0) : await session.io.read(file);
  const made = await access[kind].create(session.control, {
    annotations: { name, labels: pairs('--label', label ?? []) },
    data,
    ...(driver !== undefined && { driver: { name: driver } }),
    ...(templateDriver !== undefined && { templating: { name: templateDriver } }),
  });
  if (made === undefined) return;
  if (session.json) session.sayJson(jsonOf(kind, made));
  else session.say(made.id);
}

export async function listData(
  session: Session,
  kind: DataKind,
  { quiet }: { readonly quiet?: boolean },
): Promise<void> {
  const found = [...(await access[kind].list(session.control, {}))].sort((a, b) =>
    nameOf(a) < nameOf(b) ? -1 : 1,
  );
  const now = session.io.now();
  if (session.json) session.sayJson(found.map((one) => jsonOf(kind, one)));
  else if (quiet) for (const { id } of found) session.say(id);
  else
    session.say(
      table(
        ['ID', 'NAME', 'CREATED', 'UPDATED'],
        found.map((one) => [
          one.id,
          nameOf(one),
          ago(one.meta?.createdAt, now),
          ago(one.meta?.updatedAt, now),
        ]),
      ),
    );
}

export async function inspectData(session: Session, kind: DataKind, word: string): Promise<void> {
  const found = await access[kind].find(session.control, word);
  if (session.json) return session.sayJson(jsonOf(kind, found));
  const { spec, meta } = found;
  const now = session.io.now();
  const version = versionOf(found);
  session.say(
    fields([
      ['ID', found.id],
      ['Name', nameOf(found)],
      ['Version', version === 1 ? '' : `${version} of ${pointerOf(found)}`],
      ['Labels', labelText(spec?.annotations?.labels)],
      ['Driver', spec !== undefined && 'driver' in spec ? (spec.driver?.name ?? '') : ''],
      ['Templating', spec?.templating?.name ?? ''],
      ['Created', ago(meta?.createdAt, now)],
      ['Updated', ago(meta?.updatedAt, now)],
    ]),
  );
  if (kind === 'config') {
    session.say('');
    session.say(printable(found.spec?.data ?? Buffer.alloc(0)));
  }
}

/** As text with its lines, and without codes that would steer the terminal. */
const printable = (data: Buffer): string =>
  data.toString().trimEnd().split('\n').map(oneLineOf).join('\n');

const oneLineOf = (line: string): string => `${/^[ \t]*/.exec(line)?.[0] ?? ''}${oneLine(line)}`;

export const removeData = (
  session: Session,
  kind: DataKind,
  words: readonly string[],
): Promise<void> =>
  eachOf(words, async (word) => {
    const { id } = await access[kind].find(session.control, word);
    await access[kind].remove(session.control, id);
    session.say(word);
  });

const nameOf = (object: DataObject): string => object.spec?.annotations?.name ?? '';
