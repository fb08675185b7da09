import { generateKeyPairSync, sign } from 'node:crypto';

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

const ecdsaWithSha256 = Buffer.from('06082a8648ce3d040302', 'hex');

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}
