"""The table of all odd and bad requests."""

from measure.soaking.answered import answered_cases
from measure.soaking.case import Case
from measure.soaking.refused_files import refused_files
from measure.soaking.refused_inputs import refused_inputs
from measure.soaking.refused_parameters import refused_parameters

ANSWERED: tuple[Case, ...] = tuple(answered_cases())
REFUSED: tuple[Case, ...] = (*refused_files(), *refused_inputs(), *refused_parameters())
CASES: tuple[Case, ...] = (*ANSWERED, *REFUSED)
