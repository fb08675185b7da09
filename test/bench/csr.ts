import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';

/** A P-256 key and a request for a certificate with it, DER by hand: SwarmKit takes nothing but the key from it. */
export function keyAndCsr(): { readonly keyPem: string; readonly csr: Buffer } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const info = der(0x30, Buffer.of(2, 1, 0), der(0x30), spki, der(0xa0));
  const signature = sign('sha256', info, privateKey);
  const request = der(0x30, info, der(0x30, ecdsaWithSha256), der(0x03, Buffer.of(0), signature));
  const lines = request.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    csr: Buffer.from(
      `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`,
    ),
  };
}

/** Who signed a certificate, as agents tell it: by this a root rotation knows who has moved. */
export function issuerOf(chainPem: string, rootsPem: string) {
  const [leaf, ...others] = certificatesIn(`${chainPem}\n${rootsPem}`);
  const issuer = leaf && others.find((it) => leaf.checkIssued(it) && leaf.verify(it.publicKey));
  if (leaf === undefined || issuer === undefined) throw new Error('a certificate of nobody');
  return {
    // Of the part that is signed: version, serial number, algorithm, issuer.
    certIssuerSubject: itemsIn(itemsIn(leaf.raw)[0] ?? leaf.raw)[3] ?? Buffer.alloc(0),
    certIssuerPublicKey: issuer.publicKey.export({ type: 'spki', format: 'der' }),
  };
}

const certificatesIn = (pem: string): readonly X509Certificate[] =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).map(
    (block) => new X509Certificate(block),
  );

/** The values in a list of DER, as bytes. */
function itemsIn(list: Buffer): readonly Buffer[] {
  const items: Buffer[] = [];
  for (let at = contentOf(list, 0).from; at < list.length; at = contentOf(list, at).to)
    items.push(list.subarray(at, contentOf(list, at).to));
  return items;
}

function contentOf(bytes: Buffer, at: number): { readonly from: number; readonly to: number } {
  const first = bytes[at + 1] ?? 0;
  const size = first < 0x80 ? 0 : first & 0x7f;
  const from = at + 2 + size;
  return { from, to: from + (size === 0 ? first : bytes.readUIntBE(at + 2, size)) };
}

const ecdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex');

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}
