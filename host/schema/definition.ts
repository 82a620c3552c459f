/**
 * The language schemas are written in.
 *
 * A schema is data: an attribute set maps each attribute's name to its number and type. TypeScript infers from
 * it what decoding returns and what encoding accepts, and the codec compiles it to the table that the
 * WebAssembly module walks. Names are those of the kernel's YNL specifications in camelCase; enum members keep
 * the specification's spelling.
 */

export declare const value: unique symbol;

/** Carries the decoded (`D`) and the accepted (`A`) TypeScript type of a value; never present at run time. */
export interface Phantom<D, A> {
  readonly [value]?: { decoded: D; accepted: A };
}

/** Names for numbers: an enumeration's members, or a flag word's bits as masks. */
export type Names = Readonly<Record<string, number>>;

export interface IntegerType {
  readonly kind: 'integer';
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  readonly bigEndian: boolean;
  /** With names: does a value equal one of them (`enum`), or is it a union of masks (`flags`)? */
  readonly as?: 'enum' | 'flags';
  readonly names?: Names;
}
export interface AutoIntegerType {
  /** YNL's `uint` and `sint`: 4 or 8 bytes, told by the payload's length. */
  readonly kind: 'autoInteger';
  readonly signed: boolean;
}
export interface StringType {
  readonly kind: 'string';
  /** Bytes of a text field of a struct. */
  readonly length?: number;
}
export interface FlagType {
  readonly kind: 'flag';
}
export interface BinaryType {
  readonly kind: 'binary';
  /** How the bytes read as text: colon-separated hexadecimal, or an IP address told by its length. */
  readonly format?: 'mac' | 'ip';
  /** Exact length in bytes, where the type has one. */
  readonly length?: number;
}
export interface Bitfield32Type {
  readonly kind: 'bitfield32';
  readonly names?: Names;
}
export interface NestType {
  readonly kind: 'nest';
  readonly set: SetReference;
}
export interface IndexedType {
  /** A nest whose children are the elements; their attribute types number them, `first` and up. */
  readonly kind: 'indexed';
  readonly element: TypeData;
  readonly first: number;
}
export interface KeyedType {
  /** A nest whose children's attribute types are keys that mean something. */
  readonly kind: 'keyed';
  readonly element: TypeData;
}
export interface ListType {
  /** The attribute may stand in its set several times (YNL's multi-attr). */
  readonly kind: 'list';
  readonly element: TypeData;
}
export interface ArrayType {
  /** Integers or structs packed in one payload. */
  readonly kind: 'array';
  readonly element: IntegerType | StructType;
}
export interface StructType {
  readonly kind: 'struct';
  readonly struct: Struct;
}
export interface ChoiceType {
  /** YNL's sub-message: the type depends on another attribute of the same set, or on `header.<field>`. */
  readonly kind: 'choice';
  readonly selector: string;
  readonly variants: Readonly<Record<string, TypeData>>;
  readonly otherwise?: TypeData;
}
export interface EmbeddedType {
  /** A struct with attributes behind it in one payload, as a veth's peer. */
  readonly kind: 'embedded';
  readonly struct: Struct;
  readonly set: SetReference;
}
export interface SequenceType {
  /** Records one after the other: each a struct whose first u16 is the record's length, then attributes (RTA_MULTIPATH). */
  readonly kind: 'sequence';
  readonly struct: Struct;
  readonly set: SetReference;
}

/** What the codec sees of a type. */
export type TypeData =
  | IntegerType
  | AutoIntegerType
  | StringType
  | FlagType
  | BinaryType
  | Bitfield32Type
  | NestType
  | IndexedType
  | KeyedType
  | ListType
  | ArrayType
  | StructType
  | ChoiceType
  | EmbeddedType
  | SequenceType;

/** A type of the schema language, with what it decodes to and what it accepts. */
export type Type<D = unknown, A = D, T extends TypeData = TypeData> = T & Phantom<D, A>;

/** A type without its numbers' TypeScript types; every `Type` is one. */
export type AnyType = TypeData & Phantom<unknown, unknown>;

export type Decoded<T> = T extends { readonly [value]?: { decoded: infer D; accepted: infer _A } }
  ? D
  : never;
export type Accepted<T> = T extends { readonly [value]?: { decoded: infer _D; accepted: infer A } }
  ? A
  : never;

/** One attribute of a set: its number (nla_type) and its type. */
export type Attribute = readonly [number: number, type: AnyType];

/** A named set of attributes, which nests refer to. */
export interface AttributeSet<
  S extends Readonly<Record<string, Attribute>> = Readonly<Record<string, Attribute>>,
> {
  readonly name: string;
  readonly attributes: S;
}
/** A set, or a function returning it where schemas refer to each other in a circle. */
export type SetReference = AttributeSet | (() => AttributeSet);

/** An attribute whose type the schema lacks or whose payload does not fit it: kept raw under its number (with flag bits). */
export interface RawAttributes {
  readonly [number: number]: Uint8Array | readonly Uint8Array[];
}

type Simplify<T> = { [K in keyof T]: T[K] };

export type DecodedSet<S> =
  S extends AttributeSet<infer M> ? Simplify<{ -readonly [K in keyof M]?: Decoded<M[K][1]> }> : never;
export type AcceptedSet<S> =
  S extends AttributeSet<infer M>
    ? Simplify<{ readonly [K in keyof M]?: Accepted<M[K][1]> | undefined }>
    : never;

/** A C struct: fields in order, without implicit padding; a field may be shorter-lived than the payload at hand. */
export interface Struct<F extends Readonly<Record<string, AnyType>> = Readonly<Record<string, AnyType>>> {
  readonly name: string;
  readonly fields: F;
}
type Hidden = `pad${string}`;
export type DecodedStruct<S> =
  S extends Struct<infer F> ? Simplify<{ -readonly [K in Exclude<keyof F, Hidden>]: Decoded<F[K]> }> : never;
export type AcceptedStruct<S> =
  S extends Struct<infer F>
    ? Simplify<{ readonly [K in Exclude<keyof F, Hidden>]?: Accepted<F[K]> | undefined }>
    : never;

/* Scalars */

type Whole = Type<number, number, IntegerType>;
/** 64 bits: a number where it is exact (up to 2^53 - 1 either way), a bigint beyond. */
export type Wide = number | bigint;
type Whole64 = Type<Wide, Wide, IntegerType>;

function integer(size: 1 | 2 | 4 | 8, signed: boolean, bigEndian: boolean): IntegerType {
  return { kind: 'integer', size, signed, bigEndian };
}
export const u8 = integer(1, false, false) as Whole;
export const u16 = integer(2, false, false) as Whole;
export const u32 = integer(4, false, false) as Whole;
export const u64 = integer(8, false, false) as Whole64;
export const s8 = integer(1, true, false) as Whole;
export const s16 = integer(2, true, false) as Whole;
export const s32 = integer(4, true, false) as Whole;
export const s64 = integer(8, true, false) as Whole64;
/** Big-endian, as the network has it. */
export const be16 = integer(2, false, true) as Whole;
export const be32 = integer(4, false, true) as Whole;
export const be64 = integer(8, false, true) as Whole64;
/** Signed and big-endian. */
export const beS32 = integer(4, true, true) as Whole;
export const uint = { kind: 'autoInteger', signed: false } as Type<Wide, Wide, AutoIntegerType>;
export const sint = { kind: 'autoInteger', signed: true } as Type<Wide, Wide, AutoIntegerType>;

/** A string; a final NUL is written, and need not be there when read. */
export const string = { kind: 'string' } as Type<string, string, StringType>;
/** An attribute without payload: `true` when present. */
export const flag = { kind: 'flag' } as Type<true, boolean, FlagType>;
/** Bytes as they are. */
export const binary = { kind: 'binary' } as Type<Uint8Array, Uint8Array, BinaryType>;
/** A hardware address of any length, as `02:42:ac:11:00:02`. */
export const mac = { kind: 'binary', format: 'mac' } as Type<string, string | Uint8Array, BinaryType>;
/** An IPv4 or IPv6 address, told by its length, as text. */
export const ip = { kind: 'binary', format: 'ip' } as Type<string, string | Uint8Array, BinaryType>;
export const ipv4 = { kind: 'binary', format: 'ip', length: 4 } as Type<
  string,
  string | Uint8Array,
  BinaryType
>;
export const ipv6 = { kind: 'binary', format: 'ip', length: 16 } as Type<
  string,
  string | Uint8Array,
  BinaryType
>;

/** Exactly `length` bytes; as a struct's field, that many bytes of it (text fields of a struct are `chars`). */
export function bytes(length: number): Type<Uint8Array, Uint8Array, BinaryType> {
  return { kind: 'binary', length };
}
/** A struct's field of `length` bytes that holds text, filled up with NULs. */
export function chars(length: number): Type<string, string, StringType> {
  return { kind: 'string', length };
}
/** Exactly `length` bytes of a hardware address. */
export function macOf(length: number): Type<string, string | Uint8Array, BinaryType> {
  return { kind: 'binary', format: 'mac', length };
}
/** Padding of a struct: `length` bytes, zero when written, left out when read (its field's name begins with `pad`). */
export function pad(length: number): Type<never, never, BinaryType> {
  return { kind: 'binary', length };
}

/** A number that is one of `names`. Decodes to the name, or to the number where it has none; accepts both. */
export function enumeration<const N extends Names>(
  base: Type<number, number, IntegerType>,
  names: N,
): Type<(keyof N & string) | number, (keyof N & string) | number, IntegerType> {
  return { ...base, as: 'enum', names } as IntegerType;
}
/** A union of the masks in `names`. Decodes to the names set, with one number for the bits that have none; accepts those or a plain number. */
export function flags<const N extends Names>(
  base: Type<number, number, IntegerType>,
  names: N,
): Type<
  readonly ((keyof N & string) | number)[],
  readonly ((keyof N & string) | number)[] | number,
  IntegerType
> {
  return { ...base, as: 'flags', names } as IntegerType;
}
type FlagNames<N> = readonly ((keyof N & string) | number)[];
/** struct nla_bitfield32: which bits are meant, and their values. */
export function bitfield32<const N extends Names>(
  names: N,
): Type<
  { value: FlagNames<N>; selector: FlagNames<N> },
  { value: Readonly<FlagNames<N>> | number; selector: Readonly<FlagNames<N>> | number },
  Bitfield32Type
> {
  return { kind: 'bitfield32', names };
}

/* Composition */

type SetOf<R> = R extends () => infer S ? S : R;

export function nest<R extends SetReference>(
  set: R,
): Type<DecodedSet<SetOf<R>>, AcceptedSet<SetOf<R>>, NestType> {
  return { kind: 'nest', set };
}
/** A nest of a set that refers back to its user; `D` and `A` are said by hand, as inference cannot go in a circle. */
export function circularNest<D, A = D>(set: () => AttributeSet): Type<D, A, NestType> {
  return { kind: 'nest', set: set };
}
export function indexed<D, A, T extends TypeData>(
  element: Type<D, A, T>,
  first = 1,
): Type<D[], readonly A[], IndexedType> {
  return { kind: 'indexed', element, first };
}
export function keyed<D, A, T extends TypeData>(
  element: Type<D, A, T>,
): Type<Record<number, D>, Readonly<Record<number, A>>, KeyedType> {
  return { kind: 'keyed', element };
}
export function list<D, A, T extends TypeData>(element: Type<D, A, T>): Type<D[], readonly A[], ListType> {
  return { kind: 'list', element };
}
export function array<D, A, T extends IntegerType | StructType>(
  element: Type<D, A, T>,
): Type<D[], readonly A[], ArrayType> {
  return { kind: 'array', element };
}
export function struct<const F extends Readonly<Record<string, AnyType>>>(
  name: string,
  fields: F,
): Struct<F> {
  return { name, fields };
}
/** A struct as an attribute's payload or as a field of another struct. Payloads shorter or longer than known are read as far as they go. */
export function structure<S extends Struct>(
  layout: S,
): Type<DecodedStruct<S>, AcceptedStruct<S>, StructType> {
  return { kind: 'struct', struct: layout };
}
/**
 * A payload whose type is chosen by `selector`, an attribute of the same set (its decoded value, enum names
 * included) or `header.<field>` of the message. Without a variant and without `otherwise` the payload stays bytes.
 */
export function choice<
  const V extends Readonly<Record<string, AnyType>>,
  O extends AnyType = Type<Uint8Array, Uint8Array, BinaryType>,
>(
  selector: string,
  variants: V,
  otherwise?: O,
): Type<
  Decoded<V[keyof V]> | Decoded<O> | Uint8Array,
  Accepted<V[keyof V]> | Accepted<O> | Uint8Array,
  ChoiceType
> {
  return otherwise === undefined
    ? { kind: 'choice', selector, variants }
    : { kind: 'choice', selector, variants, otherwise };
}
export function embedded<S extends Struct, D, A = D>(
  layout: S,
  set: () => AttributeSet,
): Type<
  { header: DecodedStruct<S>; attributes: D },
  { header?: AcceptedStruct<S>; attributes?: A },
  EmbeddedType
> {
  return { kind: 'embedded', struct: layout, set: set };
}
export function sequence<S extends Struct, D, A = D>(
  layout: S,
  set: () => AttributeSet,
): Type<
  { header: DecodedStruct<S>; attributes: D }[],
  readonly { header?: AcceptedStruct<S>; attributes?: A }[],
  SequenceType
> {
  return { kind: 'sequence', struct: layout, set: set };
}

/** Declares an attribute set. */
export function attributeSet<const S extends Readonly<Record<string, Attribute>>>(
  name: string,
  attributes: S,
): AttributeSet<S> {
  return { name, attributes };
}

/* Messages */

/** One message of a family: its number (nlmsg_type; for generic netlink the command), header and attributes. */
export interface Message<H extends Struct = Struct, S extends AttributeSet = AttributeSet> {
  readonly name: string;
  readonly protocol: Protocol;
  readonly family: string;
  /** Generic netlink: the family's version, sent in genlmsghdr. */
  readonly version: number;
  readonly number: number;
  readonly header: H;
  readonly attributes: S;
}
export type Protocol = 'route' | 'generic' | 'netfilter';

interface MessageShape {
  readonly number: number;
  readonly header: Struct;
  readonly attributes: AttributeSet;
}

/** A family: messages of one protocol that belong together. */
export interface Family<M = Readonly<Record<string, Message>>> {
  readonly name: string;
  readonly protocol: Protocol;
  /** Generic netlink: the family's version, sent in genlmsghdr. */
  readonly version: number;
  readonly messages: M;
}

/** Declares a family; messages with one number are told apart by direction, the first named is the one decoded to. */
export function family<const M extends Readonly<Record<string, MessageShape>>>(declaration: {
  readonly name: string;
  readonly protocol: Protocol;
  readonly version?: number;
  readonly messages: M;
}): Family<{ readonly [K in keyof M]: Message<M[K]['header'], M[K]['attributes']> & { readonly name: K } }> {
  const { name, protocol, version = 1 } = declaration;
  const messages = Object.fromEntries(
    Object.entries(declaration.messages).map(([key, shape]) => [
      key,
      { name: key, protocol, family: name, version, ...shape },
    ]),
  );
  return { name, protocol, version, messages: messages as never };
}

export type HeaderOf<M> = M extends Message<infer H, infer _S> ? DecodedStruct<H> : never;
export type AttributesOf<M> = M extends Message<infer _H, infer S> ? DecodedSet<S> : never;
export type AcceptedHeaderOf<M> = M extends Message<infer H, infer _S> ? AcceptedStruct<H> : never;
export type AcceptedAttributesOf<M> = M extends Message<infer _H, infer S> ? AcceptedSet<S> : never;
