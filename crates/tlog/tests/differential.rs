//! Our trees, tiles, notes and checkpoints beside those of `tlog_tiles` and `signed_note`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use charter_tlog::{
    Hash,
    checkpoint::{Checkpoint, SignedCheckpoint},
    hash,
    note::{KeyKind, Note, NoteSigner, Sign, SignError, Vkey},
    proof,
    tile::{self, Level, TilePath, TileSet},
    tree,
};
use openssl::pkey::{Id, PKey, Private};
use proptest::prelude::*;
use signed_note::{StandardSigner, StandardVerifier, VerifierList};
use tlog_tiles::{tile::Tile, tlog};

/// The stored hashes of a log of theirs.
struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

fn entry(index: u64) -> Vec<u8> {
    index.to_be_bytes()[..(index % 9) as usize].to_vec()
}

/// One log, by them and by us.
fn logs(size: u64) -> (Stored, tile::Grown) {
    let mut stored = Stored(Vec::new());
    for index in 0..size {
        let more = tlog::stored_hashes(index, &entry(index), &stored).expect("hashes");
        stored.0.extend(more);
    }
    let leaves: Vec<Hash> = (0..size).map(|index| hash::leaf(&entry(index))).collect();
    (stored, tile::grow(0, Vec::new(), &leaves).expect("it grows"))
}

fn ours(hashes: &[tlog::Hash]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash::new(hash.0)).collect()
}

fn theirs(hash: Hash) -> tlog::Hash {
    tlog::Hash(*hash.as_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn trees_and_proofs(new in 1_u64..1_200, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let (stored, grown) = logs(new);
        let root = tlog::tree_hash(new, &stored).expect("a root");
        prop_assert_eq!(Hash::new(root.0), grown.root);
        let mut tiles = TileSet::new(new);
        for tile in grown.tiles.clone() {
            tiles.insert(tile);
        }
        let index = a.index(new as usize) as u64;
        let inclusion = proof::inclusion(index, new, &tiles).expect("a proof");
        prop_assert_eq!(&ours(&tlog::prove_record(new, index, &stored).expect("a proof")), &inclusion);
        let old = b.index(new as usize) as u64 + 1;
        let consistency = proof::consistency(old, new, &tiles).expect("a proof");
        prop_assert_eq!(&ours(&tlog::prove_tree(new, old, &stored).expect("a proof")), &consistency);
        let old_root = tlog::tree_hash(old, &stored).expect("a root");
        let proof = consistency.iter().copied().map(theirs).collect();
        prop_assert!(tlog::check_tree(&proof, new, root, old, old_root).is_ok());
    }

    /// Whatever the proof, both say yes or both say no.
    #[test]
    fn proofs_of_any_length_and_place(
        size in 1_u64..64, index in 0_u64..70, old in 0_u64..70, cut in 0_usize..3, more in 0_usize..3, at in 1_u64..64,
    ) {
        let (stored, grown) = logs(size);
        let root = grown.root;
        let mut path = tlog::prove_record(size, at % size, &stored).expect("a proof");
        path.truncate(path.len().saturating_sub(cut));
        path.extend(vec![theirs(hash::EMPTY); more]);
        let leaf = hash::leaf(&entry(at % size));
        let verified = proof::verify_inclusion(leaf, index, size, &ours(&path), root).is_ok();
        let checked = tlog::check_record(&path, size, theirs(root), index, theirs(leaf)).is_ok();
        prop_assert_eq!(verified, checked);

        let from = at % size + 1;
        let mut path = tlog::prove_tree(size, from.min(size), &stored).expect("a proof");
        path.truncate(path.len().saturating_sub(cut));
        path.extend(vec![theirs(hash::EMPTY); more]);
        let old_root = tlog::tree_hash(from.min(size), &stored).expect("a root");
        let verified = proof::verify_consistency(old, Hash::new(old_root.0), size, root, &ours(&path)).is_ok();
        let checked = tlog::check_tree(&path, size, theirs(root), old, old_root).is_ok();
        prop_assert_eq!(verified, checked);
    }

    #[test]
    fn tiles(old in 0_u64..70_000, more in 0_u64..70_000) {
        let new = old + more;
        let mut expected: Vec<String> = Tile::new_tiles(8, old, new).iter().map(their_path).collect();
        let mut found: Vec<String> = tile::new_tiles(old, new).map(|path| path.to_string()).collect();
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn contents_of_tiles(size in 1_u64..1_200) {
        let (stored, grown) = logs(size);
        for tile in grown.tiles {
            let path = tile.path();
            let their = Tile::new(8, tile.level(), tile.index(), u32::from(path.width()), false);
            prop_assert_eq!(tile.to_bytes(), their.read_data(&stored).expect("a tile"));
        }
    }

    /// Theirs name the height too, and the entries otherwise. At a level of 64 and a width of 0 they panic.
    #[test]
    fn paths(path in "(0|1|07|entries|63)/(x[0-9]{3}/){0,3}[0-9]{2,4}(\\.p/(01|255|256|[1-9][0-9]{0,2}))?") {
        let found = format!("tile/{path}").parse::<TilePath>();
        let their = Tile::from_path(&format!("tile/8/{}", path.replace("entries", "data")));
        prop_assert_eq!(found.is_ok(), their.is_ok(), "{} is {:?}", path, found);
        if let (Ok(found), Ok(their)) = (found, their) {
            prop_assert_eq!(found.index(), their.level_index());
            prop_assert_eq!(u32::from(found.width()), their.width());
            prop_assert_eq!(found.level() == Level::Entries, their.is_data());
        }
    }

    #[test]
    fn checkpoints(
        origin in "[a-z./ +]{0,6}", size in "(0|00|1|01|9|-1|[0-9]{1,19})", root in "(HASH|AAAA|HASH=|)",
        extension in "(\n|x\n|\n\n|x\n\n|x\ny\n)?",
    ) {
        let root = root.replace("HASH", &hash::EMPTY.to_string());
        let text = format!("{origin}\n{size}\n{root}\n{extension}");
        let (found, their) = (text.parse::<Checkpoint>(), tlog_tiles::checkpoint::Checkpoint::from_bytes(text.as_bytes()));
        let bounded = size.parse::<u64>().is_ok_and(|size| size <= tree::MAX_SIZE);
        prop_assert_eq!(found.is_ok(), their.is_ok() && bounded, "{:?}: {:?} and {:?}", text, found, their.is_ok());
        if let (Ok(found), Ok(their)) = (found, their) {
            prop_assert_eq!((found.origin(), found.size()), (their.origin(), their.size()));
            prop_assert_eq!(found.root(), Hash::new(their.hash().0));
        }
    }

    #[test]
    fn notes(seed: u8, text in "[a-z\n]{1,30}\n", cut in 0_usize..200, byte: u8) {
        let keys = keys(seed);
        let note = NoteSigner::new(keys.vkey.clone(), &keys).note(text.clone()).expect("signed");
        let mut their = signed_note::Note::new(text.as_bytes(), &[]).expect("a note");
        their.add_sigs(&[&keys.signer]).expect("signed");
        prop_assert_eq!(their.to_bytes(), note.to_string().into_bytes());
        // Whatever becomes of it, both still read it, or neither; and both believe it, or neither.
        let mut bytes = note.to_string().into_bytes();
        let at = cut % bytes.len();
        bytes[at] = byte;
        let found = Note::parse(&bytes);
        let their = signed_note::Note::from_bytes(&bytes);
        prop_assert_eq!(found.is_ok(), their.is_ok(), "{:?}", String::from_utf8_lossy(&bytes));
        if let (Ok(found), Ok(their)) = (found, their) {
            let verified = found.verify(std::slice::from_ref(&keys.vkey)).is_ok();
            let believed = their.verify(&keys.verifiers()).is_ok();
            prop_assert_eq!(verified, believed);
        }
    }
}

fn their_path(tile: &Tile) -> String {
    tile.path().replacen("tile/8/", "tile/", 1)
}

/// One private key, for us and for them.
struct Keys {
    private: PKey<Private>,
    vkey: Vkey,
    signer: StandardSigner,
    verifier: StandardVerifier,
}

impl Keys {
    fn verifiers(&self) -> VerifierList {
        VerifierList::new(vec![Box::new(self.verifier.clone())])
    }
}

impl Sign for Keys {
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let mut signer = openssl::sign::Signer::new_without_digest(&self.private).expect("a signer");
        Ok(signer.sign_oneshot_to_vec(message).expect("a signature").try_into().expect("64 bytes"))
    }
}

fn keys(seed: u8) -> Keys {
    let private = PKey::private_key_from_raw_bytes(&[seed; 32], Id::ED25519).expect("a key");
    let public = private.raw_public_key().expect("a public key").try_into().expect("32 bytes");
    let name = "log.example/one";
    let vkey = Vkey::new(name.parse().expect("a name"), KeyKind::Ed25519, public);
    let id = u32::from_be_bytes(vkey.key_id());
    let secret = STANDARD.encode([&[1], &[seed; 32][..]].concat());
    let signer = StandardSigner::new(&format!("PRIVATE+KEY+{name}+{id:08x}+{secret}")).expect("a signer");
    let verifier = StandardVerifier::new(&vkey.to_string()).expect("a verifier");
    Keys { private, vkey, signer, verifier }
}

#[test]
fn a_signed_checkpoint_is_a_note_of_theirs() {
    let keys = keys(7);
    let checkpoint = Checkpoint::new(keys.vkey.name(), 5, hash::EMPTY).expect("a checkpoint");
    let signed = checkpoint.sign(&NoteSigner::new(keys.vkey.clone(), &keys)).expect("signed");
    let their = signed_note::Note::from_bytes(signed.to_string().as_bytes()).expect("a note");
    let (known, unknown) = their.verify(&keys.verifiers()).expect("verified");
    assert_eq!((known.len(), unknown.len()), (1, 0));
    assert_eq!(SignedCheckpoint::parse(&their.to_bytes()), Ok(signed));
}
