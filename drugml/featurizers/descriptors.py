"""Descriptors that RDKit computes.

Shape letters: M molecules, D descriptors.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Descriptors, rdFingerprintGenerator, rdReducedGraphs
from rdkit.rdBase import BlockLogs

from drugml.config.descriptors import ErgSpec, MorganBinarySpec, MorganCountSpec, RdkitDescriptorsSpec
from drugml.featurizers.featurizer import DESCRIPTORS

_WRITTEN = """
MaxAbsEStateIndex MaxEStateIndex MinAbsEStateIndex MinEStateIndex qed SPS MolWt HeavyAtomMolWt ExactMolWt
NumValenceElectrons NumRadicalElectrons MaxPartialCharge MinPartialCharge MaxAbsPartialCharge MinAbsPartialCharge
FpDensityMorgan1 FpDensityMorgan2 FpDensityMorgan3 BCUT2D_MWHI BCUT2D_MWLOW BCUT2D_CHGHI BCUT2D_CHGLO BCUT2D_LOGPHI
BCUT2D_LOGPLOW BCUT2D_MRHI BCUT2D_MRLOW AvgIpc BalabanJ BertzCT Chi0 Chi0n Chi0v Chi1 Chi1n Chi1v Chi2n Chi2v Chi3n
Chi3v Chi4n Chi4v HallKierAlpha Ipc Kappa1 Kappa2 Kappa3 LabuteASA PEOE_VSA1 PEOE_VSA10 PEOE_VSA11 PEOE_VSA12
PEOE_VSA13 PEOE_VSA14 PEOE_VSA2 PEOE_VSA3 PEOE_VSA4 PEOE_VSA5 PEOE_VSA6 PEOE_VSA7 PEOE_VSA8 PEOE_VSA9 SMR_VSA1
SMR_VSA10 SMR_VSA2 SMR_VSA3 SMR_VSA4 SMR_VSA5 SMR_VSA6 SMR_VSA7 SMR_VSA8 SMR_VSA9 SlogP_VSA1 SlogP_VSA10 SlogP_VSA11
SlogP_VSA12 SlogP_VSA2 SlogP_VSA3 SlogP_VSA4 SlogP_VSA5 SlogP_VSA6 SlogP_VSA7 SlogP_VSA8 SlogP_VSA9 TPSA EState_VSA1
EState_VSA10 EState_VSA11 EState_VSA2 EState_VSA3 EState_VSA4 EState_VSA5 EState_VSA6 EState_VSA7 EState_VSA8
EState_VSA9 VSA_EState1 VSA_EState10 VSA_EState2 VSA_EState3 VSA_EState4 VSA_EState5 VSA_EState6 VSA_EState7
VSA_EState8 VSA_EState9 FractionCSP3 HeavyAtomCount NHOHCount NOCount NumAliphaticCarbocycles
NumAliphaticHeterocycles NumAliphaticRings NumAmideBonds NumAromaticCarbocycles NumAromaticHeterocycles
NumAromaticRings NumAtomStereoCenters NumBridgeheadAtoms NumHAcceptors NumHDonors NumHeteroatoms NumHeterocycles
NumRotatableBonds NumSaturatedCarbocycles NumSaturatedHeterocycles NumSaturatedRings NumSpiroAtoms
NumUnspecifiedAtomStereoCenters Phi RingCount MolLogP MolMR fr_Al_COO fr_Al_OH fr_Al_OH_noTert fr_ArN fr_Ar_COO
fr_Ar_N fr_Ar_NH fr_Ar_OH fr_COO fr_COO2 fr_C_O fr_C_O_noCOO fr_C_S fr_HOCCN fr_Imine fr_NH0 fr_NH1 fr_NH2 fr_N_O
fr_Ndealkylation1 fr_Ndealkylation2 fr_Nhpyrrole fr_SH fr_aldehyde fr_alkyl_carbamate fr_alkyl_halide
fr_allylic_oxid fr_amide fr_amidine fr_aniline fr_aryl_methyl fr_azide fr_azo fr_barbitur fr_benzene
fr_benzodiazepine fr_bicyclic fr_diazo fr_dihydropyridine fr_epoxide fr_ester fr_ether fr_furan fr_guanido
fr_halogen fr_hdrzine fr_hdrzone fr_imidazole fr_imide fr_isocyan fr_isothiocyan fr_ketone fr_ketone_Topliss
fr_lactam fr_lactone fr_methoxy fr_morpholine fr_nitrile fr_nitro fr_nitro_arom fr_nitro_arom_nonortho fr_nitroso
fr_oxazole fr_oxime fr_para_hydroxylation fr_phenol fr_phenol_noOrthoHbond fr_phos_acid fr_phos_ester fr_piperdine
fr_piperzine fr_priamide fr_prisulfonamd fr_pyridine fr_quatN fr_sulfide fr_sulfonamd fr_sulfone fr_term_acetylene
fr_tetrazole fr_thiazole fr_thiocyan fr_thiophene fr_unbrch_alkane fr_urea
"""
NAMES = tuple(_WRITTEN.split())
"""Those of RDKit 2026.3, written out so that a model keeps its columns when a later RDKit has more."""
SLOW = (Descriptors.Ipc, Descriptors.AvgIpc)
LARGE = 150
"""Atoms."""


@DESCRIPTORS.register(RdkitDescriptorsSpec)
class RdkitDescriptors:
    """The functions of `rdkit.Chem.Descriptors` by name; what one of them cannot do is NaN.

    Differs from RDKit's own list: a value that is infinite counts as undefined, and so do Ipc and AvgIpc of molecules
    above 150 atoms: their time grows with the cube of the atoms, 900 would take a minute.
    """

    names = NAMES

    def describe(self) -> dict[str, Any]:
        return {"kind": "descriptors", "of": "rdkit", "names": list(NAMES)}

    def compute(self, mols: Sequence[Chem.Mol]) -> NDArray[np.float64]:
        known = dict(Descriptors.descList)
        functions = [known[name] for name in NAMES]
        out = np.empty((len(mols), len(NAMES)))
        quiet = BlockLogs()
        for row, mol in zip(out, mols, strict=True):
            slow = SLOW if mol.GetNumAtoms() > LARGE else ()
            row[:] = [math.nan if f in slow else _value(f, mol) for f in functions]
        del quiet
        return out


def _value(function: Callable[[Chem.Mol], float], mol: Chem.Mol) -> float:
    try:
        value = float(function(mol))
    except Exception:  # each of 217 functions fails in its own way
        return math.nan
    return value if math.isfinite(value) else math.nan


@DESCRIPTORS.register(ErgSpec)
class Erg:
    """Stiefl et al., JCIM 2006, doi:10.1021/ci050457y: 21 pairs of six kinds of points at 15 distances.

    Differs from the paper: nothing that RDKit's `GetErGFingerprint` with its defaults does not; each pair counts 0.3 at
    the neighbouring distances.
    """

    names = tuple(f"erg{n}" for n in range(315))

    def describe(self) -> dict[str, Any]:
        return {"kind": "descriptors", "of": "rdkit.erg"}

    def compute(self, mols: Sequence[Chem.Mol]) -> NDArray[np.float64]:
        rows = [rdReducedGraphs.GetErGFingerprint(mol) for mol in mols]
        return np.array(rows, np.float64).reshape(len(mols), len(self.names))


class Morgan:
    """A fingerprint beside a graph, with the options of Chemprop's `morgan_binary` and `morgan_count`."""

    names = tuple(f"morgan{n}" for n in range(MorganBinarySpec.width))
    counts: bool

    def describe(self) -> dict[str, Any]:
        return {"kind": "descriptors", "of": "rdkit.morgan", **_MORGAN, "counts": self.counts}

    def compute(self, mols: Sequence[Chem.Mol]) -> NDArray[np.float64]:
        made = rdFingerprintGenerator.GetMorganGenerator(**_MORGAN)
        read = made.GetCountFingerprintAsNumPy if self.counts else made.GetFingerprintAsNumPy
        return np.array([read(mol) for mol in mols], np.float64).reshape(len(mols), len(self.names))


_MORGAN: dict[str, Any] = {"radius": 2, "fpSize": MorganBinarySpec.width, "includeChirality": True}


@DESCRIPTORS.register(MorganBinarySpec)
class MorganBinary(Morgan):
    """Whether an environment occurs."""

    counts = False


@DESCRIPTORS.register(MorganCountSpec)
class MorganCount(Morgan):
    """How often it does."""

    counts = True
