"""The table of all odd and bad requests."""

from soaking.answered import answered_cases
from soaking.case import Case
from soaking.refused_files import refused_files
from soaking.refused_inputs import refused_inputs
from soaking.refused_parameters import refused_parameters

ANSWERED: tuple[Case, ...] = tuple(answered_cases())
REFUSED: tuple[Case, ...] = (*refused_files(), *refused_inputs(), *refused_parameters())
CASES: tuple[Case, ...] = (*ANSWERED, *REFUSED)
